"""JSON with its repeated values written once: it is what it was when read again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies

from nodecheck.results.compact import compact, compact_json, expanded, expanded_json

LONG = "a text of some length"
SCALARS = (
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats(allow_nan=False)
)
VALUES = strategies.recursive(
    SCALARS | strategies.sampled_from([LONG, "", "\ud800", "$", "shared"]),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.sampled_from("ab"), inner),
)


@given(strategies.dictionaries(strategies.sampled_from(["x", "y", "z"]), VALUES))
def test_a_document_is_what_it_was_when_it_is_expanded(document):
    assert repr(expanded(compact(document))) == repr(document)  # by repr: 0.0 equals −0.0, and True equals 1


def test_a_repeated_text_is_written_once():
    assert compact_json(json.dumps({"a": LONG, "b": [LONG]}).encode()).decode().count(LONG) == 1


def test_a_repeated_list_is_written_once():
    text = compact_json(json.dumps({"a": [1.5, 2.5, 3.5], "b": {"c": [1.5, 2.5, 3.5]}}).encode())
    assert text.decode().count("2.5") == 1


def test_json_in_the_usual_form_is_left_as_it_is():
    assert expanded_json(b'{"results": [] }') == b'{"results": [] }'


@pytest.mark.parametrize("entry", [{"$": 0}, {"$": 7}, {"$": -1}], ids=["itself", "none", "negative"])
def test_a_reference_to_no_earlier_entry_is_refused(entry):
    with pytest.raises(ValueError, match="earlier entries"):
        expanded({"shared": [entry], "results": []})
