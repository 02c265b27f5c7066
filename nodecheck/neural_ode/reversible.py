"""An algebraically reversible scheme: the backward pass reconstructs the states of the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from nodecheck.neural_ode.adjoint import Scheme, integrate_without_trajectory
from nodecheck.neural_ode.explicit import VectorField, advance, slopes
from nodecheck.neural_ode.grid import Segment, stage_times
from nodecheck.neural_ode.vjp import Vjp, add_to
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["COUPLING", "integrate_pair", "integrate_reversibly"]

COUPLING = 0.999
"""lambda, how much of y a step keeps; the default of the authors' own implementation in diffrax.

Smaller is more stable forwards, where it damps y - z, and less stable backwards, where it is amplified again.
"""


def integrate_reversibly(
    dynamics: VectorField, y0: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the solution at the end of each segment, by the reversible scheme built on a tableau.

    McCallum & Foster (2024), "Efficient, Accurate and Stable Gradients for Neural ODEs": with Psi_h(t, x) the
    increment that a step of size h adds to x, and two copies y = z = y0 of the state, a step is ::

        y' = lambda y + (1 - lambda) z + Psi_h(t, z)
        z' = z - Psi_{-h}(t + h, y')

    and can be undone, z first.  The order is the tableau's, the map is not: each step has two of its steps,
    and y is the solution.  (If that order is odd, the leading errors of the two are opposite and cancel in
    y + z: what is observed wanders between this order and the next.)  For y' = a y the two growth factors of
    a step have the product lambda, so where the true one, exp(a h), is below lambda the other exceeds 1.

    The backward pass undoes the steps from the saved pairs and differentiates each of them, so the gradient
    is that of this very map, up to rounding in the reconstruction, which may grow like lambda^-n: a factor
    of 3 in 1000 steps, of 20 000 in 10 000.

    Parameters are those of `integrate`, errors those of `integrate_without_trajectory`.
    """
    pair = torch.stack((y0, y0))
    outputs = integrate_without_trajectory(_SCHEME, dynamics, pair, segments, tableau)
    return [output[0].clone() for output in outputs]  # a tensor of its own: z is not the caller's to keep


class _Leap(NamedTuple):
    """Where one increment is taken: the times of its stages, and the signed step size."""

    times: tuple[Tensor, ...]
    h: float


def _leaps(segment: Segment, method: ButcherTableau, like: Tensor) -> list[tuple[_Leap, _Leap]]:
    """Return, for each step, the increment forwards from its start and the one backwards from its end."""
    there = stage_times(segment, method.c, like)
    back = stage_times(segment, method.c, like, backward=True)
    h = segment.step
    return [(_Leap(t, h), _Leap(s, -h)) for t, s in zip(there, reversed(back), strict=True)]


def _increment(vector_field: VectorField, leap: _Leap, method: ButcherTableau, x: Tensor) -> Tensor:
    """Return Psi_h(t, x), added up apart from x: (x + Psi) - x would round it to the size of x."""
    found = slopes(vector_field, x, leap.times, leap.h, method)
    return advance(torch.zeros_like(x), found, method.b, leap.h)


def integrate_pair(
    vector_field: VectorField, pair: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the pair (y, z), stacked, at the end of each segment: the scheme itself, in plain operations."""
    method = tableau.rounded
    (y, z), outputs = pair.unbind(), []
    for segment in segments:
        for there, back in _leaps(segment, method, y):
            y = torch.lerp(z, y, COUPLING) + _increment(vector_field, there, method, z)
            z = z - _increment(vector_field, back, method, y)
        outputs.append(torch.stack((y, z)))
    return outputs


def _pull_back(
    vjp: Vjp, pair: Tensor, a: Tensor, sums: list[Tensor | None], segment: Segment, tableau: ButcherTableau
) -> Tensor:
    """Return the adjoint of the pair at the segment's start: each step is undone, and then differentiated."""
    method = tableau.rounded
    (y, z), (a_y, a_z) = pair.unbind(), a.unbind()
    for there, back in reversed(_leaps(segment, method, y)):
        psi, v, vps = vjp(partial(_increment, vjp.vector_field, back, method), y, -a_z)
        z, a_y = z + psi, a_y if v is None else a_y + v
        add_to(sums, vps, 1.0)
        psi, v, vps = vjp(partial(_increment, vjp.vector_field, there, method), z, a_y)
        y = torch.lerp(z, y - psi, 1.0 / COUPLING)
        a_z = torch.add(a_z, a_y, alpha=1.0 - COUPLING)
        a_y, a_z = COUPLING * a_y, a_z if v is None else a_z + v
        add_to(sums, vps, 1.0)
    return torch.stack((a_y, a_z))


_SCHEME = Scheme("reversible", integrate_pair, _pull_back)
