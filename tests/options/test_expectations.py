"""Expected failures: from the configuration to the layers, and under ids that were given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from nodecheck.options.configuration import Configuration, ConfigurationError, Expectation, Table
from nodecheck.options.expectations import expected_reason, translated, with_expectations
from nodecheck.results import LayerCard

TODAY = date(2026, 6, 1)
CARDS = [LayerCard(name, "t", "n_steps") for name in ("mine-euler", "mine-rk4", "odd[1]", "theirs")]
CHECKS = ("gradient-order", "memory-law")


def entry(layer="mine-rk4", check="gradient-order", reason="known", **more):
    return Expectation(layer, check, reason, **more)


def found(*entries, today=TODAY, **more):
    """Return what the layers are expected to fail, by name, where there is anything."""
    configuration = Configuration(Table(expect=entries), Path("nodecheck.toml"))
    given = {"checks": CHECKS, "every_layer": True, "today": today, **more}
    cards = with_expectations(CARDS, configuration, **given)
    return {card.name: card.expected_failures for card in cards if card.expected_failures}


def errors(*entries, **more):
    with pytest.raises(ConfigurationError) as error:
        found(*entries, **more)
    return str(error.value)


def test_an_entry_reaches_the_layer_it_names():
    assert found(entry()) == {"mine-rk4": {"gradient-order": "known"}}


def test_a_pattern_reaches_every_layer_it_matches():
    assert set(found(entry("mine-*"))) == {"mine-euler", "mine-rk4"}


def test_a_name_with_brackets_means_itself():
    assert set(found(entry("odd[1]"))) == {"odd[1]"}


def test_where_it_is_discussed_stands_behind_the_reason():
    assert found(entry(issue="#12"))["mine-rk4"] == {"gradient-order": "known (#12)"}


def test_two_checks_of_one_layer_are_two_entries():
    assert found(entry(), entry(check="memory-law")) == {
        "mine-rk4": {"gradient-order": "known", "memory-law": "known"}
    }


@pytest.mark.parametrize("expires", [TODAY, date(2027, 1, 1), None])
def test_an_entry_holds_until_the_day_it_expires(expires):
    assert found(entry(expires=expires))


def test_an_entry_that_has_expired_is_refused():
    message = errors(entry(expires=date(2026, 5, 31)))
    assert message.startswith("nodecheck.toml: expected an entry that still holds, got layer = 'mine-rk4'")
    assert "expired on 2026-05-31; correct the layer" in message


def test_a_layer_that_is_not_there_is_refused_with_the_nearest():
    assert "got 'mine-rk5', which matches none; did you mean mine-rk4?" in errors(entry("mine-rk5"))


def test_a_layer_may_be_missing_where_not_all_are_run():
    assert found(entry("of another target"), every_layer=False) == {}


def test_a_check_that_does_not_exist_is_refused_with_the_nearest():
    assert "got 'gradient-ordr'; did you mean gradient-order?" in errors(entry(check="gradient-ordr"))


def test_two_entries_for_the_same_are_refused():
    assert "got two" in errors(entry(), entry("mine-*"))


def test_all_errors_are_reported_at_once():
    assert len(errors(entry("x"), entry(check="y"), entry("mine-*", expires=date(1, 1, 1))).splitlines()) == 3


def test_the_configuration_goes_before_the_word_of_the_layer():
    card = replace(CARDS[0], expected_failures={"gradient-order": "own", "memory-law": "own"})
    configuration = Configuration(Table(expect=(entry("mine-euler"),)))
    (found,) = with_expectations([card], configuration, checks=CHECKS, every_layer=True, today=TODAY)
    assert found.expected_failures == {"gradient-order": "known", "memory-law": "own"}


def test_an_entry_may_name_problems_behind_the_id():
    assert found(entry(check="gradient-order:*reversed")) == {
        "mine-rk4": {"gradient-order:*reversed": "known"}
    }


ALIASES = {"old": ("new",), "split": ("new", "other:*reversed")}


@pytest.mark.parametrize(
    ("given", "current"),
    [
        ({"new": "a"}, {"new": "a"}),
        ({"old": "a"}, {"new": "a"}),
        ({"old:spiral": "a"}, {"new:spiral": "a"}),
        ({"split": "a"}, {"new": "a", "other:*reversed": "a"}),
        ({"old": "own", "new": "configured"}, {"new": "configured"}),
        ({"unknown": "a"}, {"unknown": "a"}),
    ],
    ids=str,
)
def test_an_id_that_was_given_up_stands_for_what_took_its_place(given, current):
    assert translated(given, ALIASES) == current


@pytest.mark.parametrize(
    ("check", "problem", "reason"),
    [
        ("new", "spiral", "a"),
        ("new", "", "a"),
        ("other", "spiral_reversed", "b"),
        ("other", "spiral", ""),
        ("other", "", ""),
        ("third", "spiral", ""),
    ],
)
def test_a_reason_holds_for_the_problems_that_are_named(check, problem, reason):
    assert expected_reason({"new": "a", "other:*reversed": "b"}, check, problem) == reason
