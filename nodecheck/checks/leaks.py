"""Leaks: what is still held when a pass is over."""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from nodecheck.checks.base import Inconclusive, check
from nodecheck.checks.footprints import garbage_kept
from nodecheck.growth import FLOOR_IN_STATES
from nodecheck.instruments import live_bytes, numpy_bytes
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.layers.wide import WIDTHS, WideUse, wide
from nodecheck.results import Evidence, at_most

_ITERATIONS, _WARM_UP = 20, 5
_N_STEPS, _DURATION = 4, 1.0
_LOOSE = 10.0**-3


def _field_once(dynamics: object, t0: float, _t1: float, n_steps: int) -> object:  # noqa: ARG001
    """Build the control: the field, evaluated once, in place of a layer."""
    return lambda y0: y0 + dynamics(t0, y0)  # type: ignore[operator]


_CONTROL = TorchLayer("control", _field_once)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Loop:
    """How a layer is used again and again."""

    backward: bool
    collected: bool

    @property
    def name(self) -> str:
        """In words."""
        what = "forward and backward" if self.backward else "forward only"
        return f"{what}, {'garbage collected' if self.collected else 'no garbage collection'}"


LOOPS = tuple(Loop(backward, collected) for backward in (False, True) for collected in (False, True))


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
    """Use one layer twenty times, and fit the slope of what is held after each use.

    With and without a backward pass, because graphs that are never walked must go too; with the garbage
    collector off and on, which tells a reference cycle (an output kept as an attribute of ctx) from memory
    that is kept for good (a list that remembers outputs).  Only the latter is a leak.  A cycle is freed, if
    late, since the collector knows nothing of the megabytes behind it: it is named on the identity card.  A
    slope may be one state in twenty uses; the same loop around the bare field must have none.
    """
    bound = FLOOR_IN_STATES / _ITERATIONS
    noise = max(_slope(_CONTROL, loop) for loop in LOOPS)
    if not noise <= bound:
        message = f"the control without the layer already gains {noise:.3g} states a pass"
        raise Inconclusive(message)
    slopes = {loop: _slope(layer.claims, loop) for loop in LOOPS}
    arrays = _array_slope(layer.claims)
    measurements = (
        *(
            at_most(f"states kept per pass: {loop.name}", s, bound if loop.collected else math.inf, "states")
            for loop, s in slopes.items()
        ),
        at_most("states kept per pass in NumPy arrays", arrays, bound, "states"),
    )
    kept = max([arrays, *(s for loop, s in slopes.items() if loop.collected)])
    if kept > bound:
        return Evidence(measurements, _explain(kept, arrays))
    return Evidence(measurements, facts=_cycle(slopes, bound))


def _explain(kept: float, arrays: float) -> str:
    where = "in NumPy arrays, " if arrays == kept else ""
    return f"Each pass leaves {kept:.3g} states behind for good, {where}for instance in a list of outputs."


def _cycle(slopes: dict[Loop, float], bound: float) -> dict[str, str]:
    """Return what is only freed by the garbage collector, for the identity card."""
    worst = max(slopes, key=lambda loop: slopes[loop])
    if not slopes[worst] > bound:
        return {}
    return {
        "reference cycle": f"{slopes[worst]:.3g} states a pass ({worst.name}), freed only by the garbage "
        f"collector: probably ctx keeps the output itself; use ctx.save_for_backward"
    }


def _use(layer: TorchLayer) -> WideUse:
    problem = wide(WIDTHS[-1], _DURATION)
    return WideUse(layer, problem, _LOOSE if layer.adaptive else _N_STEPS)


def _once(use: WideUse, loop: Loop) -> None:
    """Use the layer as a step of training does, and drop everything that this function knows of."""
    y1: Tensor = use.forward()
    if loop.backward:
        use.backward(y1)
    del y1
    use.forget()


def _slope(layer: TorchLayer, loop: Loop) -> float:
    """Return by how many states the live tensors grow with each use."""
    use = _use(layer)
    held = []
    with garbage_kept(), live_bytes(use.y0.device) as alive:
        for k in range(_WARM_UP + _ITERATIONS):
            _once(use, loop)
            if loop.collected:
                gc.collect()
            if k >= _WARM_UP:
                held.append((k, alive.live))
        gc.collect()
    passes, kept = zip(*held, strict=True)
    return float(np.polyfit(passes, kept, 1)[0]) / use.state_bytes


def _array_slope(layer: TorchLayer) -> float:
    """Return by how many states the NumPy arrays grow with each use, garbage collected."""
    use, loop = _use(layer), Loop(backward=True, collected=True)

    def many() -> None:
        for _ in range(_ITERATIONS):
            _once(use, loop)
        gc.collect()

    for _ in range(_WARM_UP):
        _once(use, loop)
    with garbage_kept():
        return numpy_bytes(many)[1] / _ITERATIONS / use.state_bytes
