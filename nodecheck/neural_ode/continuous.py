"""The continuous adjoint: state, adjoint and parameter integral as one ODE, solved backwards in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from torch import Tensor

from nodecheck.neural_ode.adjoint import integrate_without_trajectory
from nodecheck.neural_ode.explicit import VectorField, advance, integrate
from nodecheck.neural_ode.grid import Segment, stage_times
from nodecheck.neural_ode.scheme import Scheme
from nodecheck.neural_ode.vjp import Vjp, add_to
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["integrate_with_adjoint", "reverse_steps"]


def integrate_with_adjoint(
    dynamics: VectorField, y0: Tensor, segments: Sequence[Segment], tableau: ButcherTableau
) -> list[Tensor]:
    """Return the solution at the end of each segment, with the continuous adjoint as its derivative.

    Only these outputs are saved for the backward pass, for any number of steps.  The backward pass starts
    each segment from its saved output.  Its gradients converge to the exact ones at the tableau's order, and
    are not those of the forward map.  Parameters are those of `integrate`, errors those of
    `integrate_without_trajectory`.
    """
    return integrate_without_trajectory(_SCHEME, dynamics, y0, segments, tableau)


def reverse_steps(
    vjp: Vjp, y: Tensor, a: Tensor, sums: list[Tensor | None], segment: Segment, tableau: ButcherTableau
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (y, a) after each step of a segment, from its end to its start.

    Chen et al. (2018), Algorithm 1: dy/dt = f, da/dt = -a^T df/dy and d(dL/dtheta)/dt = -a^T df/dtheta are
    one system, solved with the method and the steps of the forward pass.  The third part occurs on no
    right-hand side and needs no stages: its increments are added to `sums` at once.

    Parameters
    ----------
    vjp : Vjp
        The field and its products.
    y, a : Tensor, the shape of the state
        The state and the adjoint dL/dy at the segment's end; neither is changed in place.
    sums : list of tensors or None, one per parameter
        Running sums of dL/dtheta, changed in place.  None stands for a parameter without a term so far.
    segment : Segment
        The steps of the forward pass.
    tableau : ButcherTableau
        The method.
    """
    method, h = tableau.rounded, segment.step
    for times in stage_times(segment, method.c, y, backward=True):
        ks: list[Tensor] = []
        vs: list[Tensor | None] = []
        for t, row, weight in zip(times, method.a, method.b, strict=True):
            stage_y, stage_a = advance(y, ks, row, -h), advance(a, vs, row, h)
            k, v, vps = vjp(partial(vjp.vector_field, t), stage_y, stage_a, with_parameters=bool(weight))
            ks.append(k)
            vs.append(v)
            add_to(sums, vps, h * float(weight))
        y, a = advance(y, ks, method.b, -h), advance(a, vs, method.b, h)
        yield y, a


def _pull_back(
    vjp: Vjp, y: Tensor, a: Tensor, sums: list[Tensor | None], segment: Segment, tableau: ButcherTableau
) -> Tensor:
    """Return the adjoint at the segment's start."""
    for _, adjoint in reverse_steps(vjp, y, a, sums, segment, tableau):
        a = adjoint
    return a


_SCHEME = Scheme("continuous", integrate, _pull_back)
