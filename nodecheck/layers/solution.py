"""Solutions: what came back from a layer, in NumPy arrays and plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nodecheck.adapt.dropped import Dropped

Array: TypeAlias = npt.NDArray[Any]
Gradients: TypeAlias = Mapping[str, Array | None]  # None: no gradient arrived
Phase = Literal["forward", "backward"]


@dataclass(frozen=True)
class Call:
    """One evaluation of the dynamics.

    Attributes
    ----------
    t
        The time as it was given: the mean of a batch of times, NaN where it has no value, as inside vmap.
    t_dtype
        Name of its dtype; None for a Python or NumPy number.
    y_dtype, y_shape
        Those of the state.
    phase
        The pass that it belongs to.
    device
        The device of y.
    """

    t: float
    t_dtype: str | None
    y_dtype: str
    y_shape: tuple[int, ...]
    phase: Phase
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Pullback:
    """The gradients for one cotangent, and the calls of the dynamics in the backward pass.

    Where the variation adds a penalty, they are those of the loss and the penalty together.
    """

    gradients: Gradients
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Readings:
    """The readings of instruments during one solve; None: not asked for, or refused by the layer.

    Attributes
    ----------
    state_bytes
        Size of the state.
    products
        Vector-Jacobian products with the field, in both passes.
    saved
        Bytes that autograd holds for the backward pass when the forward pass is over ("saved").
    held
        Bytes of all tensors made in the forward pass that are alive when it is over ("live").
    forward, backward
        Most bytes alive at once in each pass ("live").
    courses
        Bytes alive after each operator, in each pass ("live"); empty where that is unknown.
    arrays
        Bytes of NumPy data made in the forward pass that are alive when it is over ("arrays").
    seconds
        Processor seconds of the forward and of the backward pass, after one that is not counted ("seconds").
    wall_seconds
        Seconds by the clock of both passes together ("seconds").
    gains
        States that every further use of the built layer leaves behind ("leaks").
    """

    state_bytes: int
    products: int = 0
    saved: float | None = None
    held: float | None = None
    forward: float | None = None
    backward: float | None = None
    courses: tuple[Sequence[int], Sequence[int]] = field(default=((), ()), repr=False, compare=False)
    arrays: float | None = None
    seconds: tuple[float, float] | None = None
    wall_seconds: float | None = None
    gains: tuple[Gain, ...] = ()
    waits: tuple[int, int] | None = None


@dataclass(frozen=True)
class Gain:
    """States that each further use of a layer adds to memory.

    Attributes
    ----------
    name
        "forward only", "forward and backward", or "NumPy arrays".
    uncollected
        While the garbage collector is off.
    kept
        When it has run.
    """

    name: str
    uncollected: float
    kept: float


@dataclass(frozen=True, eq=False)
class Solution:
    """The solution of one solve.

    Attributes
    ----------
    y1
        Final state, in the dtype that the layer returned, shape of y0; at output times all states, with an
        axis of times in front.
    calls
        Calls of the dynamics in the forward pass.
    pullbacks
        One for each cotangent, in their order.
    changed
        Names of inputs and global settings that the layer has changed.
    stray
        Names of tensors that require a gradient although nobody asked for one.
    past_hooks
        True if the field has a forward hook, and every call of it went past that: by its forward method.
    without_graph
        The final state under no_grad, where the variation asks for it.
    others
        Solutions of the other problems of the variation.
    readings
        Those of the instruments; None if there were none.
    dropped
        Parts of the output that the adapter dropped, as far as readings of `nodecheck.adapt` did it; recorded
        in plain use.
    device
        The device of y1, in plain use.
    widened
        The dtype that the layer returned, where the arrays are float64 whatever it returned; "" where not.
    log_det
        The log-determinant, where the layer returns one and its pass was watched for changes.
    """

    y1: Array
    calls: tuple[Call, ...]
    pullbacks: tuple[Pullback, ...] = ()
    changed: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    past_hooks: bool = False
    without_graph: Array | None = None
    others: tuple[Solution, ...] = ()
    readings: Readings | None = None
    dropped: tuple[Dropped, ...] = ()
    device: str = "cpu"
    log_det: Array | None = None
    widened: str = ""

    @property
    def dtype(self) -> str:
        """The dtype of y1 as the layer returned it."""
        return self.widened or str(self.y1.dtype)

    @property
    def evaluations(self) -> int:
        """Number of evaluations of the field in the forward pass (NFE)."""
        return len(self.calls)

    @property
    def all_evaluations(self) -> int:
        """Number of evaluations of the field in the forward pass and the first backward pass."""
        return self.evaluations + (len(self.pullbacks[0].calls) if self.pullbacks else 0)

    @property
    def gradients(self) -> Gradients:
        """The gradients for the first cotangent; empty if there was none."""
        return self.pullbacks[0].gradients if self.pullbacks else {}


def widened(solution: Solution) -> Solution:
    """Return a solution with all arrays in float64, and a note of the dtype that the layer returned."""
    return replace(
        solution,
        y1=_float64(solution.y1),
        pullbacks=tuple(
            replace(one, gradients={name: _float64(value) for name, value in one.gradients.items()})
            for one in solution.pullbacks
        ),
        without_graph=_float64(solution.without_graph),
        others=tuple(widened(other) for other in solution.others),
        log_det=_float64(solution.log_det),
        widened=str(solution.y1.dtype),
    )


def _float64(value: Any) -> Any:
    return None if value is None else np.asarray(value, dtype=np.float64)


def times_of(calls: Sequence[Call]) -> tuple[float, ...]:
    """Return the times of calls, in their order."""
    return tuple(call.t for call in calls)


def largest_entry(value: Array | None) -> float:
    """Return the size of the largest entry; 0 for a gradient that did not arrive."""
    return 0.0 if value is None else float(np.max(np.abs(value), initial=0.0))
