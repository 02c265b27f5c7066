"""A run as workflow commands of GitHub."""

from __future__ import annotations

import re

import pytest
from sample_runs import card, large_run, realistic_run, result, right_results, run_of

from nodecheck.report.annotations import MOST_SHOWN, render
from nodecheck.results import Outcome, at_most

BAD = (at_most("error of y1", 0.0667, 5.7e-14),)
HOSTILE = "a::b,c%d\r\n::error::injected\x1b[31m" + "x" * 10_000
# command.ts of the toolkit: a command is a line ::name key=value,key=value::data.
COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^:,\r\n]+)(?:,[a-z]+=[^:,\r\n]+)*)::([^\r\n]*)")


def unescaped(text):
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def commands(run):
    """Return (kind, properties, message) of every line, as GitHub reads them."""
    found = []
    for line in render(run).splitlines():
        kind, properties, data = COMMAND.fullmatch(line).groups()
        pairs = dict(pair.split("=", 1) for pair in properties.split(","))
        found.append((kind, {k: unescaped(v) for k, v in pairs.items()}, unescaped(data)))
    return found


def failed(layer="mine", **changes):
    return result(layer, "constant-field", measurements=BAD, diagnosis="A step too many.", **changes)


@pytest.mark.parametrize("run", [realistic_run(), large_run()], ids=["realistic", "large"])
def test_every_line_is_a_command(run):
    assert commands(run)


def test_a_right_layer_says_nothing():
    assert render(run_of(right_results("mine"))) == ""


def test_a_failure_is_an_error_with_title_diagnosis_and_number():
    ((kind, properties, message),) = commands(run_of([failed()]))
    assert (kind, properties["title"]) == ("error", "mine: Constant field is not integrated exactly")
    assert message.startswith("A step too many.\nerror of y1: value 0.0667, bound at most 5.7e-14")


def test_one_check_on_several_problems_is_one_annotation():
    runs = run_of([result("m", "gradient-order", p, measurements=BAD) for p in "abc"])
    assert len(commands(runs)) == 1


def test_the_file_of_the_target_is_named():
    run = run_of([failed()], [card("mine")])
    assert commands(run)[0][1]["file"] == "mylib/nodecheck_layers.py"


@pytest.mark.parametrize("target", ["torchdiffeq", "mylib.layers:X", "/tmp/x.py:X", "../x.py:X", ""])
def test_no_file_is_named_where_github_cannot_find_it(target):
    run = run_of([failed()], load_errors={target: "m"})
    assert all("file" not in properties for _, properties, _ in commands(run))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"outcome": Outcome.ERROR, "measurements": (), "reason": "ValueError: no"}, "error"),
        ({"expected": "known"}, "error"),
        ({"expected": "known", "measurements": BAD}, "notice"),
        ({"outcome": Outcome.INCONCLUSIVE, "measurements": (), "reason": "not asymptotic"}, "warning"),
    ],
    ids=["error", "xpassed", "xfailed", "inconclusive"],
)
def test_the_kind_follows_the_status(changes, kind):
    assert [k for k, _, _ in commands(run_of([result("m", "constant-field", **changes)]))] == [kind]


def test_a_target_that_could_not_be_loaded_comes_first():
    assert commands(run_of([failed()], load_errors={"x.py:Y": "no such file"}))[0][2] == "no such file"


def test_of_many_errors_the_last_says_how_many_are_not_shown():
    found = commands(run_of([failed(f"layer-{k}") for k in range(25)]))
    assert len(found) == MOST_SHOWN
    assert found[-1][1]["title"] == "16 more errors"


def test_ten_errors_are_all_shown():
    found = commands(run_of([failed(f"layer-{k}") for k in range(10)]))
    assert [p["title"].partition(":")[0] for _, p, _ in found] == [f"layer-{k}" for k in range(10)]


def test_no_name_can_inject_a_command():
    bad = result(HOSTILE, "constant-field", measurements=(at_most(HOSTILE, 1.0, 0.0),), diagnosis=HOSTILE)
    run = run_of([bad], load_errors={HOSTILE: HOSTILE})
    assert [kind for kind, _, _ in commands(run)] == ["error", "error"]


def test_what_is_escaped_is_read_again_as_it_was():
    ((_, properties, message),) = commands(run_of([failed("50%: a,b")]))
    assert properties["title"].startswith("50%: a,b: ")
    assert message.startswith("A step")


def test_a_message_is_short():
    assert max(map(len, render(run_of([failed(HOSTILE)])).splitlines())) < 4000
