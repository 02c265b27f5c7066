"""Control of the step size: the norm of the error, the first step, and the next one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nodecheck.neural_ode.explicit import VectorField, advance, slope
from nodecheck.numerics.constants import (
    EPS,
    FIRST_STEP_GROWTH,
    FIRST_STEP_SHARE,
    LARGEST_CHANGE_OF_STEP,
    LAST_STEP_STRETCH,
    NO_CHANGE,
    SMALLEST_CHANGE_OF_STEP,
    SMALLEST_FIRST_NORM,
    SMALLEST_FIRST_STEP,
    STEP_SAFETY,
)
from nodecheck.numerics.pairs import EmbeddedPair

__all__ = ["StepControl", "StepSize", "first_step", "norm", "scale_of"]


@dataclass(frozen=True)
class StepControl:
    """A method that controls its steps: an embedded pair, its tolerances, and a limit of the steps tried."""

    pair: EmbeddedPair
    rtol: float
    atol: float
    max_steps: int


class StepSize:
    """The step size of one solve: it names the end of the next step, and judges the step that was tried."""

    def __init__(self, control: StepControl, size: float) -> None:
        self._control = control
        self._size = size
        self._left = control.max_steps
        self._rejected = False

    def end_of_next(self, t: float, stop: float) -> float:
        """Return the end of the next step from t towards `stop`, which is hit exactly.

        Raises
        ------
        RuntimeError
            If as many steps were tried as are allowed, or if the step size has become too small.
        """
        if not self._left:
            raise RuntimeError(self._too_many(t))
        self._left -= 1
        # Hairer, Nørsett & Wanner (1993), DOPRI5: no sliver of a step is left before the end.
        if not LAST_STEP_STRETCH * self._size < abs(stop - t):
            return stop
        if self._size < EPS * max(abs(t), abs(stop)):
            raise RuntimeError(_too_small(t))
        return t + math.copysign(self._size, stop - t)

    def accepts(self, error: float, length: float) -> bool:
        """Return True if a step of this length is accepted, and choose the next step size.

        Parameters
        ----------
        error
            The norm of the estimated error in units of the tolerance; NaN is too large.
        length
            The length of the step, which is less than the step size where an output was near.
        """
        accepted = error <= 1.0
        # Hairer, Nørsett & Wanner (1993), II.4, (4.13): no growth right after a rejected step.
        ideal = _power(error, -1.0 / (self._control.pair.lower_order + 1))
        growth = 1.0 if self._rejected or not accepted else LARGEST_CHANGE_OF_STEP
        factor = min(growth, max(SMALLEST_CHANGE_OF_STEP, STEP_SAFETY * ideal))
        # A step that was cut short at an output says little about the size before it, if it went well.
        was_cut = accepted and length < self._size and factor == growth
        self._size = max(self._size, length * factor) if was_cut else length * factor
        self._rejected = not accepted
        return accepted

    def _too_many(self, t: float) -> str:
        return (
            f"the solve is expected to need at most max_steps={self._control.max_steps} steps, but it has "
            f"reached only t = {t!r} with them; loosen rtol and atol, raise max_steps, or look for dynamics "
            "that are stiff, not smooth, or without a solution up to t1"
        )


def _power(error: float, exponent: float) -> float:
    """Return error**exponent for a negative exponent: infinite for no error, 0.0 for NaN."""
    return math.inf if error == 0.0 else error**exponent if math.isfinite(error) else 0.0


def _too_small(t: float) -> str:
    return (
        f"the error of a step is expected to fall below the tolerance, but at t = {t!r} no step is small "
        "enough; look for NaN or infinity in y0, in the parameters or in dynamics(t, y), or for a solution "
        "that grows without bound there"
    )


def scale_of(size: Tensor, control: StepControl, atol: Tensor | None = None) -> Tensor:
    """Return the tolerance of components of this size; `atol` holds absolute tolerances of their own."""
    if atol is None:
        return size.mul(control.rtol).add_(control.atol)
    return torch.add(atol, size, alpha=control.rtol)


def norm(ratio: Tensor, parts: int = 0) -> float:
    """Return the largest root mean square over the members of a batch; 0.0 for an empty tensor.

    Each member is held to the tolerance, whatever the others do: in a mean over the batch, many members at
    rest would hide the error of one that moves.

    Parameters
    ----------
    ratio : Tensor
        Errors in units of their tolerance.  The first axis behind those of the parts counts the members; a
        state of one axis is one member.
    parts : int
        Leading axes of `ratio` that stand for parts of a system, each of which is held to the tolerance.
    """
    if not ratio.numel():
        return 0.0
    axes = parts + (ratio.ndim - parts > 1)
    # Hairer, Nørsett & Wanner (1993), II.4, (4.11), of each member
    means = ratio.abs().square().reshape(*ratio.shape[:axes], -1).mean(-1)
    return math.sqrt(means.max().item())


def first_step(
    vector_field: VectorField,
    t: float,
    stop: float,
    y: Tensor,
    k: Tensor,
    control: StepControl,
    *,
    atol: Tensor | None = None,
    parts: int = 0,
) -> float:
    """Return the size of the first step, from the slope k at (t, y) and one more evaluation.

    Hairer, Nørsett & Wanner (1993), II.4, "Starting Step Size", (a) to (f).

    Parameters
    ----------
    vector_field : VectorField
        f(t, y).
    t, stop : float
        The start, and the end of the interval.
    y, k : Tensor
        The state and the slope at the start.
    control : StepControl
        The method.
    atol : Tensor or None
        Absolute tolerances of the components; None for that of the method.
    parts : int
        As for `norm`.
    """
    scale = scale_of(y.detach().abs(), control, atol)
    d0, d1 = norm(y.detach() / scale, parts), norm(k.detach() / scale, parts)
    usable = min(d0, d1) >= SMALLEST_FIRST_NORM and math.isfinite(d1)
    size = min(FIRST_STEP_SHARE * d0 / d1 if usable else SMALLEST_FIRST_STEP, abs(stop - t))
    signed = math.copysign(size, stop - t)
    time = torch.tensor(t + signed, dtype=y.dtype.to_real(), device=y.device)
    probe = advance(y, [k], (1.0,), signed)
    d2 = norm((slope(vector_field(time, probe), probe) - k).detach() / scale, parts) / size
    largest = max(d1, d2)
    if not math.isfinite(largest):
        return size
    if largest <= NO_CHANGE:
        return min(size / FIRST_STEP_SHARE, max(SMALLEST_FIRST_STEP, size * FIRST_STEP_GROWTH))
    steep: float = (FIRST_STEP_SHARE / largest) ** (1.0 / (control.pair.lower_order + 1))
    return min(size / FIRST_STEP_SHARE, steep)
