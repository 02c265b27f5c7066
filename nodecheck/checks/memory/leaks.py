"""Leaks: what is still held when a pass is over."""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from nodecheck.backends.torch.memory.arrays import numpy_bytes
from nodecheck.backends.torch.memory.live import live_bytes
from nodecheck.backends.torch.memory.wide import WIDTHS, WideUse
from nodecheck.checks.check import check
from nodecheck.diagnosis.kept_graphs import of_kept_graph
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.measure.budget import budget, timed, unless_out_of_memory
from nodecheck.measure.memory.ladder import few_steps
from nodecheck.measure.memory.pass_memory import garbage_kept
from nodecheck.numerics.growth import FLOOR_IN_STATES
from nodecheck.results import Evidence, Inconclusive, at_most

_ITERATIONS, _WARM_UP = 10, 5
# Without a backward pass, with one, and those in which arrays are counted.
_PASSES = 2 * (_WARM_UP + _ITERATIONS) + 2 * _WARM_UP


def _field_once(dynamics: object, t0: float, _t1: float, n_steps: int) -> object:  # noqa: ARG001
    """Build the control: the field, evaluated once, in place of a layer."""
    return lambda y0: y0 + dynamics(t0, y0)  # type: ignore[operator]


_CONTROL = TorchLayer("control", _field_once)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Growth:
    """What a layer that is used again and again adds to memory with each use, in states.

    Attributes
    ----------
    uncollected
        While the garbage collector is off.
    kept
        When it has run: for good.
    """

    name: str
    uncollected: float
    kept: float


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
    bound = FLOOR_IN_STATES / _ITERATIONS
    noise = max(max(growth.uncollected, growth.kept) for growth in _growths(_CONTROL))
    if not noise <= bound:
        message = f"the control without the layer already gains {noise:.3g} states a pass"
        raise Inconclusive(message)
    outcome = attempt(
        lambda: unless_out_of_memory(lambda: _all_growths(layer.claims, budget(layer.profile)), WIDTHS[-1])
    )
    if isinstance(outcome, Refusal):
        return of_kept_graph(outcome)
    growths, arrays = outcome
    measurements = (
        *(at_most(f"states kept per pass: {g.name}", g.kept, bound, "states") for g in growths),
        *(
            at_most(
                f"states kept per pass until garbage is collected: {g.name}",
                g.uncollected,
                math.inf,
                "states",
            )
            for g in growths
        ),
        at_most("states kept per pass in NumPy arrays", arrays, bound, "states"),
    )
    kept = max(arrays, *(g.kept for g in growths))
    if kept > bound:
        return Evidence(measurements, _explain(kept, arrays))
    return Evidence(measurements, facts=_cycle(growths, bound))


def _explain(kept: float, arrays: float) -> str:
    where = "in NumPy arrays, " if arrays == kept else ""
    return f"Each pass leaves {kept:.3g} states behind for good, {where}for instance in a list of outputs."


def _cycle(growths: tuple[Growth, ...], bound: float) -> dict[str, str]:
    """Return what is only freed by the garbage collector, for the identity card."""
    worst = max(growths, key=lambda growth: growth.uncollected)
    if not worst.uncollected > bound:
        return {}
    return {
        "reference cycle": f"{worst.uncollected:.3g} states a pass ({worst.name}), freed only by the garbage "
        f"collector: probably ctx keeps the output itself; use ctx.save_for_backward"
    }


def _use(layer: TorchLayer) -> WideUse:
    return WideUse(layer, *few_steps(layer, WIDTHS[-1]))


def _once(use: WideUse, *, backward: bool) -> None:
    """Use the layer as a step of training does, and drop everything that this function knows of."""
    y1: Tensor = use.forward()
    if backward:
        use.backward(y1)
    del y1
    use.forget()


def _step(use: WideUse) -> None:
    _once(use, backward=True)


def _growths(layer: TorchLayer) -> tuple[Growth, ...]:
    return _growth(layer, backward=False), _growth(layer, backward=True)


def _all_growths(layer: TorchLayer, seconds: float) -> tuple[tuple[Growth, ...], float]:
    """Return what tensors and what arrays add with each use, if so many uses fit into `seconds`."""
    use = _use(layer)
    _step(use)  # what is imported or compiled once is not what a pass takes
    _, taken = timed(_step, use)
    if _PASSES * taken > seconds:
        message = (
            f"one pass of a few steps takes {taken:.2g} seconds: a slope of what is kept needs {_PASSES} "
            f"passes, which do not fit into {seconds:.2g} seconds"
        )
        raise Inconclusive(message)
    return _growths(layer), _array_slope(use)


def _growth(layer: TorchLayer, *, backward: bool) -> Growth:
    """Return by how many states the live tensors grow with each use."""
    use = _use(layer)
    held = []
    with garbage_kept(), live_bytes(use.y0.device) as alive:
        for _ in range(_WARM_UP):
            _once(use, backward=backward)
        gc.collect()
        start = alive.live
        for _ in range(_ITERATIONS):
            _once(use, backward=backward)
            held.append(alive.live)
        gc.collect()
        kept = (alive.live - start) / _ITERATIONS
    slope = float(np.polyfit(range(_ITERATIONS), held, 1)[0])
    name = "forward and backward" if backward else "forward only"
    return Growth(name, slope / use.state_bytes, kept / use.state_bytes)


def _array_slope(use: WideUse) -> float:
    """Return by how many states the NumPy arrays grow with each use, garbage collected.

    Fewer uses than above, because counting them takes long, and is exact.
    """

    def several() -> None:
        for _ in range(_WARM_UP):
            _once(use, backward=True)
        gc.collect()

    several()
    with garbage_kept():
        return numpy_bytes(several)[1] / _WARM_UP / use.state_bytes
