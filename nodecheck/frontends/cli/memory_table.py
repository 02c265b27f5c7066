"""The table that `nodecheck memory` prints."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from nodecheck.measure.memory.footprints import Footprints
from nodecheck.numerics.constants import FEWEST_GROWTH_LEVELS
from nodecheck.runner.memory_ladder import MemoryLadder


def table(ladder: MemoryLadder) -> Table:
    """Return the memory of all layers: the law, and the states held at the end of the ladder."""
    titles = ("law", "at the peak", "saved", "forward", "backward")
    caption = (
        "In states, each as large as y, when most of them are alive. Saved, forward and backward: at the end "
        "of the ladder."
    )
    if "cuda" in ladder.devices:
        caption += " On cuda: when most bytes are, so a time grid that outweighs the states hides some."
    result = Table("layer", *titles, caption=caption, caption_justify="left")
    result.columns[0].overflow = "fold"
    for (name, device), prints in ladder.footprints.items():
        where = f" on {device}" if len(ladder.devices) > 1 else ""
        ends = map(_last, (prints.saved, prints.forward, prints.backward))
        result.add_row(*(Text(cell) for cell in (name + where, *_law(prints), *ends)))
    return result


def _law(prints: Footprints) -> tuple[str, str]:
    """Return the law, and the states per step where it is linear, else how many there are."""
    states = prints.states
    if len(states) < FEWEST_GROWTH_LEVELS:
        return "too few levels", f"{states[-1]:.5g}"
    fit = prints.fit(states)
    per_step = fit.decided and fit.law == "linear"
    return fit.symbol, f"{fit.rate:.4g} per {prints.unit[:-1]}" if per_step else f"{max(states):.5g}"


def _last(states: tuple[float, ...] | None) -> str:
    return "not measured" if states is None else f"{states[-1]:.5g}"
