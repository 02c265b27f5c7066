"""The continuous adjoint with steps whose size follows the estimated error, in both passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from nodecheck.neural_ode.adaptive import attempt, error_of, integrate_adaptively, times_of
from nodecheck.neural_ode.adjoint import integrate_without_trajectory
from nodecheck.neural_ode.explicit import VectorField
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.scheme import Scheme
from nodecheck.neural_ode.step_control import StepControl, StepSize, first_step
from nodecheck.neural_ode.vjp import Vjp, add_to

__all__ = ["integrate_with_adaptive_adjoint"]

Products = Sequence[Tensor | None]
"""Products a^T df/dtheta, one for each parameter."""


def integrate_with_adaptive_adjoint(
    dynamics: VectorField, y0: Tensor, segments: Sequence[Segment], control: StepControl
) -> list[Tensor]:
    """Return the solution at the end of each segment, with the continuous adjoint as its derivative.

    Only these outputs are saved for the backward pass, for any number of steps.  The backward pass chooses
    steps of its own, starting each segment from its saved output.  Three parts are held to the tolerance,
    each by itself: the state, the adjoint, and the gradient of each parameter.  The last matters where the
    first two stand still: of dy/dt = theta g(t) at theta = 0, the parameter alone has a gradient that varies.
    The absolute tolerance of adjoint and parameters is in units of the largest entry of the adjoint at the
    segment's end, so that a cotangent of any size gives the same steps, and the gradient is linear in it.

    Parameters are those of `integrate_adaptively`, errors those of `integrate_without_trajectory`.
    """
    return integrate_without_trajectory(_SCHEME, dynamics, y0, segments, control)


class _Reverse:
    """The system (y, a) as one field: dy/dt = f and da/dt = -a^T df/dy (Chen et al., 2018, Algorithm 1).

    The third part of that system, d(dL/dtheta)/dt = -a^T df/dtheta, occurs on no right-hand side: its
    products are kept for the step that is tried, one entry for each stage.
    """

    def __init__(self, vjp: Vjp, control: StepControl) -> None:
        self._vjp = vjp
        weights = control.pair.tableau.rounded.b
        self._matters = [bool(b or e) for b, e in zip(weights, control.pair.error, strict=True)]
        self.products: list[Products] = []

    def __call__(self, t: Tensor, z: Tensor) -> Tensor:
        f = partial(self._vjp.vector_field, t)
        matters = self._matters[len(self.products)]
        k, v, vps = self._vjp(f, z[0], z[1], with_parameters=matters)
        self.products.append(vps)
        return torch.stack((k, torch.zeros_like(k) if v is None else -v))


def _pull_back(
    vjp: Vjp, y: Tensor, a: Tensor, sums: list[Tensor | None], segment: Segment, control: StepControl
) -> Tensor:
    """Return the adjoint at the segment's start."""
    if not segment.n_steps:
        return a
    pair, t, z = control.pair, segment.stop, torch.stack((y, a.detach()))
    # atol has the unit of the state: for the adjoint it is in proportion to the largest entries of both.
    unit = control.atol * _largest(a) / _largest(y)
    atol = torch.tensor((control.atol, unit), dtype=y.dtype.to_real(), device=y.device)
    atol = atol.reshape(2, *([1] * y.ndim))
    field = _Reverse(vjp, control)
    (start,) = times_of(segment, t, t, (0.0,), y)
    k: Tensor | None = field(start, z)
    assert k is not None
    size = StepSize(control, first_step(field, t, segment.start, z, k, control, atol=atol, parts=1))
    known = field.products[:1]
    while t != segment.start:
        stop = size.end_of_next(t, segment.start)
        field.products = known
        end, ks = attempt(field, z, k, segment, (t, stop), pair)
        totals, of_parameters = _of_parameters(field.products, sums, stop - t, control, unit)
        errors = of_parameters, error_of(z, end, ks, stop - t, control, atol=atol, parts=1)
        error = max(errors) if all(map(math.isfinite, errors)) else math.inf  # max() may lose a NaN
        k, known = ks[0], field.products[:1]
        if size.accepts(error, abs(stop - t)):
            t, z, sums[:] = stop, end, totals
            k, known = (ks[-1], field.products[-1:]) if pair.last_is_first else (None, [])
    return z[1].clone()


def _largest(values: Tensor) -> float:
    """Return the largest magnitude, or one where all entries are zero."""
    return (values.abs().max().item() if values.numel() else 0.0) or 1.0


def _of_parameters(
    products: Sequence[Products], sums: Sequence[Tensor | None], h: float, control: StepControl, atol: float
) -> tuple[list[Tensor | None], float]:
    """Return the sums behind a step, and the largest of their errors in units of the tolerance.

    The gradient of a parameter is held to the tolerance as a whole: the mean square of its error to that of
    itself.
    """
    totals = [None if total is None else total.clone() for total in sums]
    errors: list[Tensor | None] = [None] * len(sums)
    for vps, b, e in zip(products, control.pair.tableau.rounded.b, control.pair.error, strict=True):
        add_to(totals, vps if b else (), -h * b)
        add_to(errors, vps if e else (), h * e)
    ratios = [
        error.norm() / (total.norm() * control.rtol + math.sqrt(total.numel()) * atol)
        for error, total in zip(errors, totals, strict=True)
        if error is not None and total is not None and total.numel()
    ]
    # As float32, because parameters may differ in dtype; one maximum, because each waits for a device.
    return totals, torch.stack([r.float() for r in ratios]).max().item() if ratios else 0.0


_SCHEME = Scheme("continuous", integrate_adaptively, _pull_back)
