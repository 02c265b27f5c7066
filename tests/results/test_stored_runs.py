"""A run.json of another version, or of another mind, loads or is refused with a sentence."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from nodecheck import __version__
from nodecheck.results import (
    LayerCard,
    Metric,
    Outcome,
    Result,
    Run,
    Series,
    at_most,
    from_json,
    load_run,
    to_json,
    to_page_data,
)

RUN = Run(
    (Result("l", "c", "p", Outcome.MEASURED, "A statement", measurements=(at_most("e", 1.0, 2.0),)),),
    nodecheck_version=__version__,
)
GOOD = to_json(RUN)


def without(key):
    """Return the stored run as an older version wrote it: one field fewer in every result."""
    data = json.loads(GOOD)
    for result in data["results"]:
        result.pop(key, None)
    return json.dumps(data)


def with_more(**fields):
    data = json.loads(GOOD)
    data["results"][0] |= fields
    data |= fields
    return json.dumps(data)


def test_metrics_survive_json():
    metric = Metric("order of y1", math.nan, "order")
    run = Run((dataclasses.replace(RUN.results[0], metrics=(metric,)),))
    assert repr(from_json(to_json(run)).results[0].metrics) == repr((metric,))


@pytest.mark.parametrize("key", ["metrics", "facts", "series", "reproducer", "seed", "seconds", "cite"])
def test_a_field_that_an_older_version_did_not_write_has_its_default(key):
    assert from_json(without(key)) == RUN


def test_of_a_run_that_names_no_checks_nothing_is_known_to_be_left_out():
    data = json.loads(to_json(dataclasses.replace(RUN, layers=(LayerCard("l", "t", "n_steps"),))))
    del data["checks"]
    assert from_json(json.dumps(data)).left_out("l") == ()


@pytest.mark.parametrize("value", [1, "text", [1, 2], {"deep": [{}]}, None], ids=repr)
def test_a_field_of_a_newer_version_is_ignored(value):
    assert from_json(with_more(from_the_future=value)) == RUN


def test_a_stored_run_has_no_blanks():
    assert b'": ' not in GOOD
    assert b"\n" not in GOOD


def with_curve(y):
    curve = Series("Forward error", "y1", (0.1,), (y,))
    return dataclasses.replace(RUN, results=(dataclasses.replace(RUN.results[0], series=(curve,)),))


@pytest.mark.parametrize(("y", "stored"), [(1 / 3, 0.333333), (1.23456789e-12, 1.23457e-12), (2.0, 2.0)])
def test_a_curve_is_stored_with_six_digits(y, stored):
    assert from_json(to_json(with_curve(y))).results[0].series[0].y == (stored,)


def test_a_gap_in_a_curve_is_stored():
    assert math.isnan(from_json(to_json(with_curve(math.nan))).results[0].series[0].y[0])


def test_a_measurement_is_stored_with_all_its_digits():
    third = dataclasses.replace(RUN.results[0], measurements=(at_most("e", 1 / 3, 2.0),))
    assert from_json(to_json(Run((third,)))).results[0].measurements[0].value == 1 / 3


def test_storing_a_run_again_changes_nothing():
    once = to_json(with_curve(1 / 3))
    assert to_json(from_json(once)) == once


def page_with(data):
    return f'<!DOCTYPE html>\n<p>&lt;<script id="nodecheck-data">{data}</script>'.encode()


def test_a_run_is_loaded_from_a_page(tmp_path):
    path = tmp_path / "index.html"
    path.write_bytes(page_with(to_page_data(RUN)))
    assert load_run(path) == RUN


@pytest.mark.parametrize("data", ["", "AAAA", "not base64", to_page_data(RUN)[:-8], to_page_data(RUN)[:40]])
def test_a_page_whose_data_is_damaged_is_refused(data):
    with pytest.raises(ValueError, match=r"^expected a run written by"):
        from_json(page_with(data))


def test_a_page_without_data_is_refused():
    with pytest.raises(ValueError, match=r"^expected a run written by"):
        from_json(b"<!DOCTYPE html>\n<p>Another page.")


def test_equal_runs_have_equal_page_data():
    assert to_page_data(RUN) == to_page_data(from_json(GOOD))


def test_a_metric_of_a_quantity_that_is_not_known_is_kept():
    run = from_json(with_more(metrics=[{"name": "x", "value": 1.0, "quantity": "of the future"}]))
    assert run.results[0].metrics == (Metric("x", 1.0, "of the future"),)


def test_what_another_version_wrote_and_cannot_be_read_names_that_version():
    data = GOOD.replace(b'"measured"', b'"guessed"').replace(__version__.encode(), b"9.9")
    with pytest.raises(ValueError, match=rf"written by nodecheck 9\.9, read by {__version__}"):
        from_json(data)


def test_a_number_beyond_the_largest_is_infinite():
    assert from_json(GOOD.replace(b'"value":1.0', b'"value":1e400')).results[0].violated


HOSTILE = {
    "a seed of half a million digits": GOOD.replace(b'"seed":0', b'"seed":' + b"9" * 500_000),
    "a seed that is not whole": GOOD.replace(b'"seed":0', b'"seed":1e400'),
    "half of a surrogate pair": GOOD.replace(b"A statement", b"\\ud800"),
    "Latin-1": GOOD.replace(b"A statement", "Prüfung".encode("latin-1")),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "zeros": bytes(1000),
    "a hundred thousand brackets": b'{"results": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a list for a word": GOOD.replace(b'"A statement"', b"[]"),
    "a word for a list": GOOD.replace(b'"series":[]', b'"series":"no"'),
    "an object for a list": json.dumps(json.loads(GOOD) | {"results": {"a": []}}),
    "a result twice": json.dumps(json.loads(GOOD) | {"results": json.loads(GOOD)["results"] * 2}),
    "a curve with more x than y": with_more(series=[{"plot": "", "label": "", "x": [1], "y": []}]),
    "a version that is no number": with_more(schema_version="one"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_run_is_refused_in_a_sentence(name):
    with pytest.raises(ValueError, match=r"^expected a run written by .*, got .*; write run\.json again$"):
        from_json(HOSTILE[name])


@pytest.mark.parametrize("end", range(1, len(GOOD) - 2, 37))
def test_a_run_that_was_cut_off_is_refused_wherever_it_was(end):
    with pytest.raises(ValueError, match=r"^expected a run"):
        from_json(GOOD[:end])


def test_nothing_of_a_file_reaches_the_terminal_as_a_control_character():
    with pytest.raises(ValueError, match="expected a run") as error:
        from_json(with_more(facts={"\x1b[31mred\n": 1}))
    assert str(error.value).isprintable()


def test_a_refusal_is_short_whatever_the_file_says():
    with pytest.raises(ValueError, match="expected a run") as error:
        from_json(with_more(facts={"x" * 100_000: 1}))
    assert len(str(error.value)) < 1000
