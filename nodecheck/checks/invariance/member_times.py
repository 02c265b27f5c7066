"""An interval for each member of the batch: each must be solved as if it were alone."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.member_times import explain_member_times, explain_shape
from nodecheck.layers import LayerUnderTest, Refusal, Solution, attempt
from nodecheck.layers.layer import TIME_GRADIENTS
from nodecheck.measure.convergence import Ladder, order_of, settled
from nodecheck.measure.member_times import WHEN as _WHEN
from nodecheck.measure.member_times import alone, errors, ladders, parts_of, together
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.measure.time_gradients import names_of_times
from nodecheck.measure.tolerance import follows_tolerance
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN
from nodecheck.problems import (
    Problem,
    half_reversed_at_outputs,
    neural_at_outputs,
    neural_half,
    neural_reversed_half,
)
from nodecheck.reference import Feature
from nodecheck.results import (
    ALSO_LOOKED_AT,
    Evidence,
    Inconclusive,
    Measurement,
    Unsupported,
    at_least,
    at_most,
)
from nodecheck.variations.comparison import compare, raised, usual_resolution

_LOOKED_AT = "an interval for each member"
_AT_OUTPUTS = ((neural_half, neural_at_outputs), (neural_reversed_half, half_reversed_at_outputs))


@check(
    title="Each member of the batch is solved on its own interval",
    failure_title="Members of the batch get each other's intervals",
    theme="Forward",
    kind="identity",
    requires=frozenset({"member-times"}),
    problems=(neural_half,),
    more=(("smoke", neural_reversed_half),),
    features=frozenset({Feature.TIME_DEPENDENT, Feature.STATE_DEPENDENT, Feature.MOVING}),
    needs="backward-pass",
    cite="Lienen & Günnemann (2022), torchode: an interval, and evaluation times, for each member",
)
def member_times(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Give each member of the batch an interval of its own: it must be solved as if it were alone.

    t0 and t1 are tensors of shape (B,), or ts is one of shape (B, T), with intervals of very different
    lengths.  y1 and the gradient with respect to y0 are those of each member alone, in plain use of the same
    layer.  The gradient with respect to a parameter is the sum over the members.  In one problem time runs
    forwards for some members and backwards for the others; a layer may refuse that with an error.

    A layer of fixed steps is first compared with each member alone, to rounding.  One that takes other
    steps for all together, as with one step size for all, has to converge as fast as the members alone.  The
    error of an adaptive layer has to follow the tolerance.

    If times require a gradient, it has their shape: each member has its own ∂L/∂t0 and ∂L/∂t1.  A layer that
    gives none may do so, unless it claims "time-gradients".

    Usual causes, and what to do:

    - A mean, or the first entry, of t0, t1 or t1 - t0 stands for all: keep the axis of members, and add axes
      for the components, `(t1 - t0)[:, None] * f`.
    - The field is told one time for all: tell it t of shape (B,).
    - In an adjoint with scaled time, t = t0 + s (t1 - t0), the factor t1 - t0 stands before the sum over the
      batch.  The product of sums is not the sum of products: scale the adjoint of each member, then sum.
    - The gradient of times is summed over the batch: that is right of one t0 for all, and of no other.
    - A member that has arrived goes on until the last one has: freeze it, or scale its step.
    """
    asked = _at_outputs(layer, problem) if layer.claims.output_times else problem
    if asked.duration < 0:
        require_reverse_time(layer, asked, with_gradient=True)
    found = _solved(layer, asked, of_times=False)
    if isinstance(found, Refusal):
        return _refused(asked, found)
    with_times = _with_times(layer, asked)
    if isinstance(with_times, Solution):
        return _judged(layer, asked, with_times, of_times=True)
    if TIME_GRADIENTS in layer.claims.supports:
        lost = at_most("times of members without the gradient that is promised", 1, 0)
        return Evidence((lost,), with_times)
    return _judged(layer, asked, found, of_times=False)


def _at_outputs(layer: LayerUnderTest, problem: Problem) -> Problem:
    """Return the problem with output times that is asked for in place of one without."""
    (found,) = (at for plain, at in _AT_OUTPUTS if layer.counterpart(plain).name == problem.name)
    return layer.counterpart(found)


def _solved(layer: LayerUnderTest, problem: Problem, *, of_times: bool) -> Solution | Refusal:
    """Return the solution at the usual resolution for one cotangent, or the error that is raised."""
    cotangents = layer.cotangents(problem, 1)
    return attempt(lambda: together(layer, problem, usual_resolution(layer), cotangents, of_times=of_times))


def _refused(problem: Problem, refusal: Refusal) -> Evidence:
    """Return the failure of a layer that refuses what it promises; `Unsupported` for mixed directions."""
    if problem.duration < 0:
        message = f"members in both directions of time are refused: {refusal}"
        raise Unsupported(message, {"cannot be used": f"{_WHEN} that run in both directions of time"})
    measurement, text = raised(_WHEN, refusal)
    return Evidence((measurement,), text)


def _with_times(layer: LayerUnderTest, problem: Problem) -> Solution | str:
    """Return the solution in which times require a gradient, or the reason why there is none."""
    if not (layer.claims.output_times or TIME_GRADIENTS in layer.claims.supports):
        return "t0 and t1 are taken as numbers"
    found = _solved(layer, problem, of_times=True)
    if isinstance(found, Refusal):
        return explain_shape(found)
    lost = [name for name in names_of_times(layer) if found.gradients[name] is None]
    return f"No gradient arrives at {' and '.join(lost)}: times are taken as numbers." if lost else found


def _judged(layer: LayerUnderTest, problem: Problem, found: Solution, *, of_times: bool) -> Evidence:
    """Return the comparison with each member alone, or with the exact solution where steps are others."""
    judge = _within_tolerance if layer.adaptive else _beside_members
    measurements = judge(layer, problem, found, of_times=of_times)
    right = all(m.holds for m in measurements)
    return Evidence(
        measurements,
        "" if right else explain_member_times(layer, problem, of_times=of_times),
        facts={ALSO_LOOKED_AT: f"{_LOOKED_AT} and its gradient" if of_times else _LOOKED_AT},
    )


def _beside_members(
    layer: LayerUnderTest, problem: Problem, found: Solution, *, of_times: bool
) -> tuple[Measurement, ...]:
    """Return the change beside each member alone, and an order for what is not the same to rounding."""
    cotangents = layer.cotangents(problem, 1)
    single = alone(layer, problem, usual_resolution(layer), cotangents, of_times=of_times)
    excess = compare(layer, problem, found, single).excess
    of_part = {
        part: float(np.max([excess[name if name == "y1" else f"∂L/∂{name}"] for name in names]))
        for part, names in parts_of(layer, problem, of_times=of_times).items()
    }
    same = {part: at_most(f"change of {part} {_WHEN}", e, 1.0, "bounds") for part, e in of_part.items()}
    if all(m.holds for m in same.values()):
        return tuple(same.values())
    orders = _of_order(layer, problem, of_times=of_times)
    return tuple(m if m.holds else orders[part] for part, m in same.items())


def _of_order(layer: LayerUnderTest, problem: Problem, *, of_times: bool) -> dict[str, Measurement]:
    """Return the orders of the errors, which must be those of the members alone."""
    single = ladders(alone, layer, problem, of_times=of_times)
    due = {part: _order_due(order_of(layer), ladder) for part, ladder in single.items()}
    found = settled(
        lambda extra: ladders(together, layer, problem, extra, of_times=of_times),
        lambda those: any(ladder.fit.rises_towards(due[part]) for part, ladder in those.items()),
    )
    return {part: _measured(part, ladder, due[part]) for part, ladder in found.items()}


def _order_due(order: int, single: Ladder) -> float:
    """Return the order that is due: no more than that of the members alone.

    Raises
    ------
    Inconclusive
        If the members alone do not converge: then nothing is known about them together.
    """
    if single.fit.exact:
        return order
    if not single.fit.slope >= INCONSISTENT_BELOW:
        message = f"each member alone converges at order {single.fit.slope:z.2f}: nothing to compare with"
        raise Inconclusive(message)
    return min(order, single.fit.slope)


def _measured(part: str, ladder: Ladder, due: float) -> Measurement:
    if ladder.fit.exact:
        return ladder.at_floor(f"error of {part} {_WHEN}, on the finest grid")
    if ladder.fit.rises_towards(due):
        rate = ladder.fit.pairwise[-1]
        return at_least(f"order of {part} {_WHEN}, still rising", rate, INCONSISTENT_BELOW)
    return at_least(f"order of {part} {_WHEN}", ladder.fit.slope, due - ORDER_MARGIN)


def _within_tolerance(
    layer: LayerUnderTest, problem: Problem, _found: Solution, *, of_times: bool
) -> tuple[Measurement, ...]:
    """Return how the error follows the tolerance, in units of what it is for each member alone."""

    def error(tol: float) -> float:
        found, single = (errors(how, layer, problem, tol, of_times=of_times) for how in (together, alone))
        return float(np.max([found[name] / max(1.0, single[name] / tol) for name in found]))

    return follows_tolerance(f"error {_WHEN}, beside that alone", layer, problem, error, with_gradient=True)
