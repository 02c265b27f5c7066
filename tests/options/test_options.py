"""Options are defined once, and read alike by the command line and by pytest."""

from __future__ import annotations

import argparse
import re

import click
import pytest
from click.testing import CliRunner

from nodecheck.options.option import OPTIONS, in_pytest, on_command_line, option, resolve

NAMES = [o.name for o in OPTIONS]


def on_the_command_line(*arguments):
    """Return what a command with all options is called with."""
    seen = {}

    @click.command()
    @on_command_line(*NAMES)
    def command(**options):
        seen.update(options)

    result = CliRunner().invoke(command, arguments)
    return seen if result.exit_code == 0 else result.exit_code


def under_pytest(*arguments):
    """Return what a parser with all options reads: the parser of pytest is one of argparse."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    in_pytest(parser.add_argument, *NAMES)
    return vars(parser.parse_args(arguments))


GIVEN = {
    "profile": "smoke",
    "select": "gradient-*",
    "output": "out",
    "seed": "3",
    "device": "cuda",
    "dtype": "float32",
    "jobs": "2",
    "memory-limit": "1.5",
    "time-limit": "30",
    "layer": "rk4*",
    "problem": "my.py:PROBLEM",
}


def test_every_option_is_tried_here():
    assert {*GIVEN, "strict"} == set(NAMES)


@pytest.mark.parametrize("name", GIVEN)
def test_a_value_is_read_alike_on_both_sides(name):
    key = option(name).key
    left = resolve(name, on_the_command_line(f"--{name}", GIVEN[name])[key], {})
    right = resolve(name, under_pytest(f"--nodecheck-{name}", GIVEN[name])[f"nodecheck_{key}"], {})
    assert left == right
    assert type(left) is type(right)


@pytest.mark.parametrize("name", [n for n in GIVEN if option(n).choices or option(n).kind in (int, float)])
@pytest.mark.parametrize("value", ["", "zzz", "-1", "nan", "inf"])
def test_a_value_that_is_refused_is_refused_on_both_sides(name, value):
    assert on_the_command_line(f"--{name}", value) == 2
    with pytest.raises(argparse.ArgumentError):
        under_pytest(f"--nodecheck-{name}", value)


def test_a_refusal_says_what_was_expected():
    with pytest.raises(
        argparse.ArgumentError, match="profile must be one of smoke, ci, full, got 'fast'; leave"
    ):
        under_pytest("--nodecheck-profile", "fast")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("time-limit", "10s", "a number of seconds, got '10s'; write 10, without a unit"),
        ("memory-limit", "1.5GB", "a number of GiB, got '1.5GB'; write 1.5, without a unit"),
        ("time-limit", "0", "at least 0.1 seconds, got '0'"),
        ("jobs", "2.5", "a whole number, got '2.5'"),
    ],
)
def test_a_number_that_is_none_is_told_what_it_should_be(name, value, words):
    with pytest.raises(ValueError, match=re.escape(f"{name} must be {words}")):
        option(name).read(value)


def test_a_command_tells_the_same_of_a_number():
    @click.command()
    @on_command_line("time-limit")
    def command(**_options):
        pass

    output = CliRunner().invoke(command, ["--time-limit", "10s"]).output
    assert "time-limit must be a number of seconds, got '10s'; write 10, without a unit" in output


def test_a_flag_is_a_flag_on_both_sides():
    assert on_the_command_line("--strict")["strict"] is True
    assert under_pytest("--nodecheck-strict")["nodecheck_strict"] is True


@pytest.mark.parametrize("name", NAMES)
def test_what_nobody_gave_is_the_default_of_the_option(name):
    chosen = option(name)
    assert on_the_command_line()[chosen.key] == chosen.default
    assert resolve(name, under_pytest()[f"nodecheck_{chosen.key}"], {}) == chosen.default


@pytest.mark.parametrize("name", [o.name for o in OPTIONS if o.many])
def test_an_option_that_may_be_repeated_keeps_every_value(name):
    key = option(name).key
    left = on_the_command_line(f"--{name}", "a", f"--{name}", "b")[key]
    right = under_pytest(f"--nodecheck-{name}", "a", f"--nodecheck-{name}", "b")[f"nodecheck_{key}"]
    assert [resolve(name, given, {}) for given in (left, right)] == [("a", "b")] * 2


def test_one_configured_value_stands_for_a_list_of_it():
    assert resolve("select", None, {"select": "adapter"}) == ("adapter",)


def test_what_is_given_goes_before_what_is_configured():
    assert resolve("seed", 3, {"seed": 5}) == 3


def test_what_is_configured_goes_before_the_default():
    assert resolve("seed", None, {"seed": 5}) == 5


@pytest.mark.parametrize("option", OPTIONS, ids=NAMES)
def test_an_option_is_explained_in_a_sentence(option):
    assert option.help[0].isupper()
    assert option.help.endswith(".")
