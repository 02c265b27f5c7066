"""The three-way ODE of the adjoint method, solved backwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from nodecheck.neural_ode.explicit import advance
from nodecheck.neural_ode.grid import Segment, stage_times
from nodecheck.neural_ode.tableau import ButcherTableau
from nodecheck.neural_ode.vjp import Vjp

__all__ = ["reverse_steps"]


def reverse_steps(
    vjp: Vjp, y: Tensor, a: Tensor, sums: list[Tensor | None], segment: Segment, tableau: ButcherTableau
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (y, a) after each step of a segment, from its end to its start.

    Chen et al. (2018), Algorithm 1: dy/dt = f, da/dt = -a^T df/dy and d(dL/dtheta)/dt = -a^T df/dtheta are
    one system, solved with the method and the steps of the forward pass.  The third part occurs on no right
    hand side, so it needs no stages: its increments are added to `sums` as they come.

    Parameters
    ----------
    vjp : Vjp
        The field and its products.
    y, a : Tensor, the shape of the state
        The state and the adjoint dL/dy at the segment's end; neither is changed.
    sums : list of tensors or None, one per parameter
        Running dL/dtheta; changed in place.  None stands for a parameter that took no part so far.
    segment : Segment
        The steps, as the forward pass took them.
    tableau : ButcherTableau
        The method.
    """
    method, h = tableau.rounded, segment.step
    for times in stage_times(segment, method.c, y, backward=True):
        ks: list[Tensor] = []
        vs: list[Tensor | None] = []
        for t, row, weight in zip(times, method.a, method.b, strict=True):
            stage_y, stage_a = advance(y, ks, row, -h), advance(a, vs, row, h)
            k, v, vps = vjp(t, stage_y, stage_a, with_parameters=bool(weight))
            ks.append(k)
            vs.append(v)
            _add_to(sums, vps, h * float(weight))
        y, a = advance(y, ks, method.b, -h), advance(a, vs, method.b, h)
        yield y, a


def _add_to(sums: list[Tensor | None], terms: Sequence[Tensor | None], weight: float) -> None:
    for i, term in enumerate(terms):
        if term is None:
            continue
        total = sums[i]
        # The first term is scaled into a tensor of our own: an accumulator must not be an alias of a product.
        sums[i] = term * weight if total is None else total.add_(term, alpha=weight)
