"""The lines that show a failure again, as a page has them."""

from __future__ import annotations

from nodecheck.report.reproducers import reproducer_of
from nodecheck.results import Outcome, Result, at_most

SCRIPT = "import torch\nassert False\n"
WITH_NODECHECK = "import nodecheck\n\nlayer = ...\n"


def result(reproducer, *, error=1.0):
    """Return a result with some lines that show it again."""
    bad = (at_most("error", error, 0.0),)
    return Result(
        "my layer", "some-check", "p", Outcome.MEASURED, "", measurements=bad, reproducer=reproducer
    )


def test_lines_without_nodecheck_are_a_script_already():
    found = reproducer_of(result(SCRIPT))
    assert (found.text, found.without_nodecheck, found.command) == (SCRIPT, True, "")


def test_lines_with_nodecheck_come_with_the_command():
    found = reproducer_of(result(WITH_NODECHECK), "found/run.json")
    assert not found.without_nodecheck
    assert found.command == "nodecheck reproduce found/run.json 'my layer:some-check:p'"


def test_a_result_that_passed_has_neither_lines_nor_a_command():
    found = reproducer_of(result("", error=0.0))
    assert (found.text, found.without_nodecheck, found.command) == ("", False, "")
