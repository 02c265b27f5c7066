"""Explicit Runge-Kutta steps, forwards in the direction of integration."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nodecheck.neural_ode.grid import Segment, stage_times
from nodecheck.numerics.tableau import ButcherTableau, Coefficient

__all__ = ["VectorField", "advance", "begin", "beside", "integrate", "moved", "slope", "slopes", "walk"]

VectorField = Callable[[Tensor, Tensor], Tensor]
"""f(t, y) -> dy/dt: t is a 0-d tensor of y's real dtype and device, and dy/dt has y's shape."""


def advance(
    y: Tensor, slopes: Sequence[Tensor | None], weights: Sequence[Coefficient], h: float | Tensor
) -> Tensor:
    """Return y + h * sum_i weights[i] * slopes[i]; a slope that is None is zero.

    The slopes are summed before y is added, so that y is rounded once for any number of stages.  h and the
    weight of a single slope are multiplied in float64, and rounded once, by the addition.  As a tensor, h has
    y's real dtype and device, and may require a gradient.
    """
    if isinstance(h, Tensor):
        return _advance_by(y, slopes, weights, h)
    if not slopes:
        return y
    if len(slopes) == 1 and (only := slopes[0]) is not None and weights[0]:  # a whole step of Euler's method
        return torch.add(y, only, alpha=h * float(weights[0]))
    terms = [(k, float(w)) for k, w in zip(slopes, weights, strict=True) if k is not None and w]
    if not terms:
        return y
    first, weight = terms[0]
    if len(terms) == 1:
        return torch.add(y, first, alpha=h * weight)
    total = first * weight
    for k, w in terms[1:]:
        total = torch.add(total, k, alpha=w)
    return torch.add(y, total, alpha=h)


def _advance_by(
    y: Tensor, slopes: Sequence[Tensor | None], weights: Sequence[Coefficient], h: Tensor
) -> Tensor:
    terms = [k * float(w) for k, w in zip(slopes, weights, strict=True) if k is not None and w]
    return y + h * functools.reduce(torch.add, terms) if terms else y


def slope(k: Tensor, y: Tensor) -> Tensor:
    """Return k, the value of a vector field at y, in y's dtype.

    Under autocast a field returns half precision; the state keeps its own dtype.

    Raises
    ------
    TypeError
        If k is not a tensor.
    ValueError
        If its shape is not y's: broadcasting would give a plausible but wrong result.
    """
    if not isinstance(k, Tensor):
        raise TypeError(
            f"dynamics(t, y) must return a tensor, got {type(k).__name__}; "
            "for a state of several parts, concatenate them along the last dimension"
        )
    if k.shape != y.shape:
        raise ValueError(
            f"dynamics(t, y) must return the shape of y, {tuple(y.shape)}, got {tuple(k.shape)}; "
            "check the last layer and any broadcasting in the dynamics"
        )
    return k if k.dtype == y.dtype else k.to(y.dtype)


def integrate(
    vector_field: VectorField, y0: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the solution at the end of each segment.

    Plain differentiable torch operations: autograd through this function is the discrete adjoint.

    Parameters
    ----------
    vector_field : VectorField
        f(t, y).
    y0 : Tensor, any shape, floating or complex
        The state at the start of the first segment.
    segments : sequence of Segment
        Consecutive: each starts where the one before it ends.
    tableau : ButcherTableau
        The method.

    Returns
    -------
    list of tensors of y0's shape and dtype, one per segment, none of which is y0 itself
    """
    method = tableau.rounded
    y, outputs = begin(y0), []
    for segment in segments:
        y = walk(vector_field, moved(vector_field, y, segment), segment, range(segment.n_steps), method)
        outputs.append(y if segment.n_steps or segment.ends else y.clone())
    return outputs


def moved(vector_field: VectorField, y: Tensor, segment: Segment) -> Tensor:
    """Return y as a function of the ends of a segment without steps; y itself of any other segment.

    The two ends are the same number, but different tensors: y moves with their difference, by f.
    """
    if segment.n_steps or segment.length is None:
        return y
    ((t,),) = stage_times(replace(segment, n_steps=1), (0.0,), y)
    return advance(y, [slope(vector_field(t, y), y)], (1.0,), beside(segment.length, y))


def beside(time: Tensor, y: Tensor) -> Tensor:
    """Return a 0-d time in y's real dtype and on its device."""
    return time.to(dtype=y.dtype.to_real(), device=y.device)


def begin(y0: Tensor) -> Tensor:
    """Return y0 as the first state: a field that calls y.requires_grad_() must not change the caller's y0.

    A y0 that requires a gradient is no view made by view_as().  Autograd would take a cotangent that passes
    through such a view unchanged for a tensor of its own, keep it as y0.grad, and add to it the next time.
    One that requires none is a view, and not detached: inside torch.func it may carry a tangent.
    """
    return y0 if y0.requires_grad else y0.view_as(y0)


def walk(
    vector_field: VectorField, y: Tensor, segment: Segment, steps: range, method: ButcherTableau
) -> Tensor:
    """Return y after these steps of a segment; y itself if there are none."""
    h = segment.step if segment.length is None else beside(segment.length / max(segment.n_steps, 1), y)
    for times in stage_times(segment, method.c, y, steps=steps):
        y = advance(y, slopes(vector_field, y, times, h, method), method.b, h)
    return y


def slopes(
    vector_field: VectorField,
    y: Tensor,
    times: tuple[Tensor, ...],
    h: float | Tensor,
    method: ButcherTableau,
) -> list[Tensor]:
    """Return the slope of each stage of one step of size h from y."""
    found: list[Tensor] = []
    for t, row in zip(times, method.a, strict=True):
        stage = advance(y, found, row, h)
        found.append(slope(vector_field(t, stage), stage))
    return found
