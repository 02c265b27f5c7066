"""An algebraically reversible scheme: the backward pass reconstructs the states of the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from nodecheck.neural_ode.adjoint import integrate_without_trajectory
from nodecheck.neural_ode.explicit import VectorField, advance, slopes
from nodecheck.neural_ode.grid import Segment, stage_times
from nodecheck.neural_ode.scheme import Scheme
from nodecheck.neural_ode.vjp import Vjp, add_to
from nodecheck.numerics.constants import REVERSIBLE_COUPLING
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["integrate_pair", "integrate_reversibly"]


def integrate_reversibly(
    dynamics: VectorField, y0: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the solution at the end of each segment, by the reversible scheme built on a tableau.

    McCallum & Foster (2024), "Efficient, Accurate and Stable Gradients for Neural ODEs".  Psi_h(t, x) is the
    increment that a step of size h adds to x, and lambda is `REVERSIBLE_COUPLING`.  From two copies
    y = z = y0 of the state, a step is ::

        y' = lambda y + (1 - lambda) z + Psi_h(t, z)
        z' = z - Psi_{-h}(t + h, y')

    and can be undone, z first.  y is the solution.  The order is the tableau's, but the map is another: each
    step consists of two of the tableau's steps.  If the order is odd, their leading errors are opposite and
    cancel in y + z, and the observed order lies between this one and the next.  For y' = a y the two growth
    factors of a step have the product lambda: where the true one, exp(a h), is below lambda, the other
    exceeds 1.

    The backward pass undoes the steps from the saved pairs and differentiates each of them.  The gradient is
    therefore that of this map, up to rounding in the reconstruction.  That rounding may grow like lambda^-n:
    by a factor of 3 in 1000 steps, and of 20 000 in 10 000.

    Parameters are those of `integrate`, errors those of `integrate_without_trajectory`.
    """
    pair = torch.stack((y0, y0))
    outputs = integrate_without_trajectory(_SCHEME, dynamics, pair, segments, tableau)
    return [output[0].clone() for output in outputs]  # a tensor of its own, which does not keep z alive


class _Increment(NamedTuple):
    """The times of the stages of one increment, and its signed step size."""

    times: tuple[Tensor, ...]
    h: float


def _increments(
    segment: Segment, method: ButcherTableau, like: Tensor
) -> list[tuple[_Increment, _Increment]]:
    """Return for each step the increment forwards from its start and the one backwards from its end."""
    there = stage_times(segment, method.c, like)
    back = stage_times(segment, method.c, like, backward=True)
    h = segment.step
    return [(_Increment(t, h), _Increment(s, -h)) for t, s in zip(there, reversed(back), strict=True)]


def _psi(vector_field: VectorField, increment: _Increment, method: ButcherTableau, x: Tensor) -> Tensor:
    """Return Psi_h(t, x), summed without x: (x + Psi) - x would be rounded to the size of x."""
    found = slopes(vector_field, x, increment.times, increment.h, method)
    return advance(torch.zeros_like(x), found, method.b, increment.h)


def integrate_pair(
    vector_field: VectorField, pair: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the pair (y, z), shape (2, *state), at the end of each segment, in plain torch operations."""
    method = tableau.rounded
    (y, z), outputs = pair.unbind(), []
    for segment in segments:
        for there, back in _increments(segment, method, y):
            y = torch.lerp(z, y, REVERSIBLE_COUPLING) + _psi(vector_field, there, method, z)
            z = z - _psi(vector_field, back, method, y)
        outputs.append(torch.stack((y, z)))
    return outputs


def _pull_back(
    vjp: Vjp, pair: Tensor, a: Tensor, sums: list[Tensor | None], segment: Segment, tableau: ButcherTableau
) -> Tensor:
    """Return the adjoint of the pair at the segment's start; each step is undone, and then differentiated."""
    method = tableau.rounded
    (y, z), (a_y, a_z) = pair.unbind(), a.unbind()
    for there, back in reversed(_increments(segment, method, y)):
        psi, v, vps = vjp(partial(_psi, vjp.vector_field, back, method), y, -a_z)
        z, a_y = z + psi, a_y if v is None else a_y + v
        add_to(sums, vps, 1.0)
        psi, v, vps = vjp(partial(_psi, vjp.vector_field, there, method), z, a_y)
        y = torch.lerp(z, y - psi, 1.0 / REVERSIBLE_COUPLING)
        a_z = torch.add(a_z, a_y, alpha=1.0 - REVERSIBLE_COUPLING)
        a_y, a_z = REVERSIBLE_COUPLING * a_y, a_z if v is None else a_z + v
        add_to(sums, vps, 1.0)
    return torch.stack((a_y, a_z))


_SCHEME = Scheme("reversible", integrate_pair, _pull_back)
