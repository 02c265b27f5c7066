"""Leaks: memory that is still held when a pass is over."""

from __future__ import annotations

import math

from nodecheck.checks.check import check
from nodecheck.diagnosis.kept_graphs import of_kept_graph
from nodecheck.layers import Gain, LayerUnderTest, Refusal, attempt
from nodecheck.measure.memory.leaks import control_gains, gains_of
from nodecheck.numerics.constants import FLOOR_IN_STATES, LEAK_USES
from nodecheck.results import Evidence, Inconclusive, at_most
from nodecheck.results.phrases import plural


@check(
    title="Memory is returned when a pass is over",
    failure_title="Memory is not returned when a pass is over",
    theme="Memory",
    kind="resource",
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, Extending PyTorch: saving an output on ctx directly is a reference cycle",
)
def memory_leak(layer: LayerUnderTest) -> Evidence:
    """Use one layer ten times, and fit the slope of what is held after each use.

    With and without a backward pass, because graphs that are never walked must go too; with the garbage
    collector off, and after it has run, which tells a reference cycle (an output kept as an attribute of ctx)
    from memory that is kept for good (a list that remembers outputs).  Only the latter is a leak.  A cycle is
    freed, if late, since the collector knows nothing of the megabytes behind it: it is named on the identity
    card.  A slope may be one state in ten uses; the same loop around the bare field must have none.  Where
    what is kept is used again with its graph, the second backward pass raises, and that is the failure.
    """
    bound = FLOOR_IN_STATES / LEAK_USES
    noise = max(max(gain.uncollected, gain.kept) for gain in control_gains(layer))
    if not noise <= bound:
        message = f"the control without the layer already gains {plural(f'{noise:.3g}', 'state')} a pass"
        raise Inconclusive(message)
    outcome = attempt(lambda: gains_of(layer))
    if isinstance(outcome, Refusal):
        return of_kept_graph(outcome)
    *tensors, arrays = outcome
    measurements = (
        *(at_most(f"states kept per pass: {g.name}", g.kept, bound, "states") for g in tensors),
        *(
            at_most(
                f"states kept per pass until garbage is collected: {g.name}",
                g.uncollected,
                math.inf,
                "states",
            )
            for g in tensors
        ),
        at_most("states kept per pass in NumPy arrays", arrays.kept, bound, "states"),
    )
    kept = max(gain.kept for gain in outcome)
    if kept > bound:
        return Evidence(measurements, _explain_leak(kept, arrays.kept))
    return Evidence(measurements, facts=_cycle(tuple(tensors), bound))


def _explain_leak(kept: float, arrays: float) -> str:
    where = "in NumPy arrays, " if arrays == kept else ""
    states = plural(f"{kept:.3g}", "state")
    return f"Each pass leaves {states} behind for good, {where}for instance in a list of outputs."


def _cycle(gains: tuple[Gain, ...], bound: float) -> dict[str, str]:
    """Return the states that only the garbage collector frees, as a fact for the identity card."""
    worst = max(gains, key=lambda gain: gain.uncollected)
    if not worst.uncollected > bound:
        return {}
    states = plural(f"{worst.uncollected:.3g}", "state")
    return {
        "reference cycle": f"{states} a pass ({worst.name}), freed only by the garbage "
        f"collector: probably ctx keeps the output itself; use ctx.save_for_backward"
    }
