"""A stored result as an argument of a command: found by its id, or by its anchor in the report."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nodecheck.results import Result, Run

_LONGEST_ID, _LONGEST_NAME = 400, 200  # characters in a message


def find_result(run: Run, result_id: str) -> Result:
    """Return the result of this id, or of this anchor in the report."""
    from nodecheck.report.anchors import anchor
    from nodecheck.report.numbers import shorten

    for result in run.results:
        if result_id in (result.id, anchor(result.id)):
            return result
    known = {name[:_LONGEST_ID]: found.id for name, found in _names(run).items()}
    near = difflib.get_close_matches(result_id[:_LONGEST_ID], known, n=1)
    hint = f"did you mean {shorten(known[near[0]], _LONGEST_NAME)}?" if near else "the report shows the ids"
    message = f"expected the id of a result of the run, got {shorten(result_id, _LONGEST_NAME)!r}; {hint}"
    raise click.UsageError(message)


def _names(run: Run) -> dict[str, Result]:
    """Return results by id and by layer:check; of several with one layer:check, one that failed."""
    from nodecheck.report.words import WRONG

    wrong_last = sorted(run.results, key=lambda r: r.status in WRONG)  # a dict keeps the last one of a name
    by_check = {f"{r.layer}:{r.check}": r for r in wrong_last}
    return {r.id: r for r in run.results} | by_check


def target_of(run: Run, then: Result) -> str:
    """Return the target of the layer of a result; a layer without one is a usage error."""
    from nodecheck.report.numbers import shorten

    target = next((card.target for card in run.layers if card.name == then.layer), None)
    if target:
        return target
    why = "was given as an object" if target == "" else "was never loaded"
    name = shorten(then.layer)
    message = (
        f"expected a layer that a target names, got {name!r}, which {why}; "
        f"repeat the check where the layer is defined"
    )
    raise click.UsageError(message)
