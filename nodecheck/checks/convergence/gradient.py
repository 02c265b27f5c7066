"""The gradient against the exact gradient: its completeness and its order."""

from __future__ import annotations

import math

from nodecheck.checks.check import check
from nodecheck.diagnosis.layer_gradient import explain_layer_gradient
from nodecheck.diagnosis.limits import explain_limits
from nodecheck.diagnosis.step_count import explain_which, gradient_error
from nodecheck.layers import LayerUnderTest, attempt
from nodecheck.measure.controls import asymptotic, control
from nodecheck.measure.convergence import (
    Ladder,
    enough_cotangents,
    exact_gradients,
    forward_ladder,
    gradient_ladders,
    order_of,
    over_cotangents,
    settled,
)
from nodecheck.measure.fault_pictures import gradient_by_entry
from nodecheck.measure.limits import limit_measurements
from nodecheck.measure.own_derivative import own_derivative_distance
from nodecheck.measure.pictures import backward_trajectory
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.measure.work_precision import work_precision
from nodecheck.numerics import FLOOR_FACTOR, INCONSISTENT_BELOW, ORDER_MARGIN, group_errors
from nodecheck.numerics.constants import (
    BATCH_STEPS,
    ODD_MARGIN,
    SAME_ORDER,
    USUAL_TOLERANCE,
)
from nodecheck.problems import (
    Problem,
    is_own,
    linear,
    lotka_volterra,
    neural,
    neural_reversed_quarter,
    spiral,
    time_linear,
    van_der_pol,
)
from nodecheck.reference import Feature, without_effect
from nodecheck.results import Evidence, Inconclusive, Measurement, Series, at_least, at_most
from nodecheck.variations.units import iterates

# Their parameters are single numbers, so an RMS takes five cotangents where other problems need two: dear,
# and scalars and time are looked at elsewhere, too.
_OF_SCALARS = (lotka_volterra, time_linear, van_der_pol(1.0))


@check(
    title="Every group receives a gradient",
    failure_title="A gradient is missing",
    theme="Gradient",
    kind="contract",
    problems=(neural,),
    own=True,
    needs="backward-pass",
    cite="torchdiffeq issues 118, 227 and pull request 104: gradients that are silently None",
)
def gradient_completeness(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Ask for the gradient of y0 and of every parameter tensor, and count those that stay None.

    An autograd Function passes gradients only to the tensors handed to `apply`; whatever it reaches by
    another way silently gets none.  A parameter that the field does not depend on needs none.
    """
    (run,) = layer.gradients(problem, layer.resolution(tol=USUAL_TOLERANCE, n_steps=BATCH_STEPS), 1)
    needless = without_effect(problem) if is_own(problem) else frozenset()
    missing = [name for name, value in run.gradients.items() if value is None and name not in needless]
    diagnosis = f"No gradient arrives at {', '.join(missing)}." if missing else ""
    if len(missing) == len(run.gradients):
        diagnosis = "No gradient arrives anywhere: the output is detached from its inputs."
    return Evidence((at_most("groups without a gradient", len(missing), 0, "groups"),), diagnosis)


@check(
    title="Gradient converges at its order",
    failure_title="Gradient does not converge at its order",
    theme="Gradient",
    kind="order",
    requires=frozenset({"fixed-step"}),
    problems=(neural, spiral, linear, *_OF_SCALARS),
    more=(("ci", neural_reversed_quarter),),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONSYMMETRIC, Feature.NONNORMAL, Feature.MOVING}),
    own=True,
    needs="backward-pass",
    cite="Roache (1998): observed order of accuracy; Chen et al. (2018), sec. 2: the adjoint method",
)
def gradient_order(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Fit the order at which the gradient of every group approaches the exact gradient.

    This tells a bug from discretisation: the error of a right adjoint, continuous or discrete, shrinks like
    h^order; the error of a wrong one stays, or shrinks too slowly.  Errors are RMS over random cotangents and
    relative to the group.  Our own solver of the same order is the control.  The ladder has even numbers of
    steps only; one odd number beside it must do as well.  An error that does not depend on the step, and is
    smaller than that of the finest level, is seen in what the levels tend to.

    One problem runs from the later to the earlier time: a sign, a sort or a comparison of times that suits
    one direction is enough for a gradient that is wrong in the other, below a forward pass that is right.  A
    layer that refuses t1 < t0 with an error is `unsupported` there.
    """
    if problem.duration < 0:
        require_reverse_time(layer, problem, with_gradient=True)
    order = order_of(layer)
    own = control(layer, order)
    judges = None if own is None else asymptotic(gradient_ladders(own, problem), order, problem)
    ladders = settled(
        lambda extra: gradient_ladders(layer, problem, extra),
        lambda ladders: any(ladder.fit.rises_towards(order) for ladder in ladders.values()),
    )
    ladders = {g: ladder for g, ladder in ladders.items() if judges is None or g in judges}
    measurements = tuple(_order_measurement(group, ladder, order) for group, ladder in ladders.items())
    wrong = any(not m.holds for m in measurements)
    odd = _at_an_odd_number(layer, problem, ladders) if problem.on_card else ()
    limits = () if wrong else limit_measurements(layer, order, problem, gradients=True)
    if not all(m.holds for m in limits) and attempt(lambda: iterates(layer)) is True:
        limits = ()  # what an iteration to a tolerance leaves does not depend on the step
    _require_own_limit(layer, problem, limits)
    measurements += odd + limits
    if wrong:
        _require_own_error(layer, problem, ladders, order)
    shown = gradient_ladders(layer, problem, every_cotangent=True) if wrong else ladders
    series = tuple(
        shown[group].series("Gradient error", f"∂L/∂{group}, {problem.name}", problem, order)
        for group in ladders
    )
    if problem.duration > 0:
        series += _work_precision(layer, problem, ladders)
    if problem.in_pictures:
        series += backward_trajectory(layer, problem, layer.cotangents(problem)[0])
    if wrong:
        series += gradient_by_entry(layer, problem, layer.ladder()[-1])
        diagnosis = explain_layer_gradient(layer, problem)
    else:
        diagnosis = f"{_explain_odd(layer, problem, odd)} {explain_limits(limits)}".strip()
    if problem.duration < 0:
        return Evidence(measurements, diagnosis)
    facts = {"gradient order": _range(ladders)} if problem.on_card else {}
    metrics = tuple(
        m
        for group, ladder in ladders.items()
        for m in ladder.metrics(layer, over_cotangents(group, layer, problem), problem)
    )
    return Evidence(measurements, diagnosis, series, facts, metrics)


def _work_precision(
    layer: LayerUnderTest, problem: Problem, ladders: dict[str, Ladder]
) -> tuple[Series, ...]:
    steps = next((ladder.n_steps for ladder in ladders.values()), ())
    return work_precision(layer, problem, steps, {g: ladder.errors for g, ladder in ladders.items()})


def _order_measurement(group: str, ladder: Ladder, order: int) -> Measurement:
    """Return the order of one group against what it must reach; less is asked of one that is still rising.

    The error of a small group may pass through a minimum, and then rises towards its order from below.
    """
    if ladder.fit.exact:
        return ladder.at_floor(f"error of ∂L/∂{group} on the finest grid")
    if ladder.fit.rises_towards(order):
        return at_least(f"order of ∂L/∂{group}, still rising", ladder.fit.pairwise[-1], INCONSISTENT_BELOW)
    return at_least(f"order of ∂L/∂{group}", ladder.fit.slope, order - ORDER_MARGIN)


def _odd(layer: LayerUnderTest) -> int:
    """Return an odd number of steps: one more than on the second level of the ladder."""
    return layer.ladder()[1] + 1


def _at_an_odd_number(
    layer: LayerUnderTest, problem: Problem, ladders: dict[str, Ladder]
) -> tuple[Measurement, ...]:
    """Return the error at an odd number of steps over that at half as many, or at one less if that is larger.

    Every level of the ladder is even.  The error of a right gradient does not jump between one number of
    steps and the next, so an odd number leaves no more than half as many steps do; the margin is the one an
    order of one has between the two.
    """
    count = enough_cotangents(layer, problem)
    runs = [run.gradients for run in layer.gradients(problem, _odd(layer), count)]
    errors = group_errors(runs, exact_gradients(layer, problem, count))
    return tuple(
        at_most(
            f"error of ∂L/∂{group} at {_odd(layer)} steps over that at half as many",
            errors[group] / max(*ladder.errors[:2], FLOOR_FACTOR * ladder.floor),
            ODD_MARGIN,
        )
        for group, ladder in ladders.items()
    )


def _explain_odd(layer: LayerUnderTest, problem: Problem, odd: tuple[Measurement, ...]) -> str:
    worst = max((m.value for m in odd if not m.holds), default=None)
    if worst is None:
        return ""
    n = _odd(layer)
    limit = gradient_error(layer, problem, n) / ODD_MARGIN
    which = explain_which(lambda m: gradient_error(layer, problem, m) > limit, n)
    return f"At {n} steps the error is {worst:.2g} times that at half as many. {which}".strip()


def _require_own_error(
    layer: LayerUnderTest, problem: Problem, ladders: dict[str, Ladder], order: int
) -> None:
    """Raise `Inconclusive` if the gradient is right and the forward pass is what does not converge."""
    if not forward_ladder(layer, problem).fit.slope < order - ORDER_MARGIN:
        return
    if own_derivative_distance(layer, problem, layer.few_steps).at_rounding:
        slowest = min(ladder.fit.slope for ladder in ladders.values() if not ladder.fit.exact)
        message = (
            f"the gradient is the derivative of the layer's own forward pass, to rounding; that derivative "
            f"converges at order {slowest:z.2f}, not {order}: the forward pass decides, not the gradient"
        )
        raise Inconclusive(message)


def _require_own_limit(layer: LayerUnderTest, problem: Problem, limits: tuple[Measurement, ...]) -> None:
    """Raise `Inconclusive` if the gradient is right and the forward pass is what has another limit."""
    if all(m.holds for m in limits):
        return
    if own_derivative_distance(layer, problem, layer.few_steps).at_rounding:
        message = (
            "the gradient is the derivative of the layer's own forward pass, to rounding, and that has an "
            "error that does not depend on the step: the forward pass decides, not the gradient"
        )
        raise Inconclusive(message)


def _range(ladders: dict[str, Ladder]) -> str:
    slopes = [ladder.fit.slope for ladder in ladders.values() if not ladder.fit.exact]
    if not slopes:
        return "exact"
    low, high = min(slopes), max(slopes)
    return f"{low:z.2f}" if high - low < SAME_ORDER else f"{low:z.2f} to {high:z.2f}"


def consistency(ladders: dict[str, Ladder]) -> str:
    """Return "continuously consistent" with its order, "exact" or "inconsistent", for the worst group."""
    slopes = [ladder.fit.slope for ladder in ladders.values() if not ladder.fit.exact]
    worst = min(slopes, default=math.inf)
    if not worst >= INCONSISTENT_BELOW:
        return "inconsistent"
    return "exact" if math.isinf(worst) else f"continuously consistent of order {worst:.1f}"
