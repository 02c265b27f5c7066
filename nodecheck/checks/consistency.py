"""The consistency class of a gradient, and its agreement with what the layer itself computes."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.checks.convergence.gradient import consistency
from nodecheck.diagnosis.forward.grid import remedy
from nodecheck.diagnosis.gradient.experiments import format_of_cotangent
from nodecheck.diagnosis.gradient.stage_states import explain_stage_states
from nodecheck.diagnosis.layer_gradient import explain_layer_gradient
from nodecheck.diagnosis.layer_observation import observe
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import control
from nodecheck.measure.convergence import Ladder, fit, gradient_ladders, judged_groups, order_of
from nodecheck.measure.matching_tableau import matching_tableau, own_backprop
from nodecheck.measure.own_derivative import (
    Distance,
    inseparable,
    own_derivative_distance,
    own_derivative_distances,
    require_separation,
    taylor_rate,
)
from nodecheck.numerics import (
    FLOOR_FACTOR,
    INCONSISTENT_BELOW,
    SEPARATION,
    group_errors,
)
from nodecheck.numerics.constants import (
    APPROACH_LEVELS,
    APPROACH_LEVELS_OF_ORDER_ONE,
    TAYLOR_THRESHOLD,
)
from nodecheck.numerics.formats import UNIT_ROUNDOFF
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.problems import Problem, is_own, neural
from nodecheck.reference import Feature
from nodecheck.results import Evidence, Measurement, Skip, at_least, at_most
from nodecheck.results.phrases import plural, verb

# The features without which some class of wrong adjoint does not show.
GENERIC = frozenset(Feature) - {Feature.CONTRACTIVE, Feature.AT_REST, Feature.KINKED}


@check(
    title="Gradient is consistent, of the claimed class",
    failure_title="Gradient is not consistent, or not of the claimed class",
    theme="Gradient",
    kind="order",
    requires=frozenset({"fixed-step"}),
    problems=(neural,),
    features=GENERIC,
    own=True,
    needs="backward-pass",
    cite="Onken & Ruthotto (2020): discretise-optimise against optimise-discretise",
)
def gradient_class(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Place the gradient among three classes, group by group, and compare with the claim.

    Discretely consistent: the derivative of the layer's own forward map, to rounding.  Continuously
    consistent of order q: not that, but its distance to the exact gradient shrinks like h^q.  Inconsistent:
    it does not shrink; this is a bug.  No single tolerance can tell these apart.  A layer that claims
    "continuous" and is discrete is better than it says, and passes.

    A second opinion does without a step size: the Taylor remainder J(x + s v) - J(x) - s <g, v> vanishes at
    rate 2 for the derivative of the layer's own forward map, and at rate 1 for anything else (Farrell, Ham,
    Funke & Rognes, 2013).  A layer that claims "discrete" is held to it; of the others the rate is a fact.
    """
    distance = own_derivative_distance(layer, problem, layer.few_steps)
    discrete = distance.at_rounding
    ladders = {} if discrete else gradient_ladders(layer, problem)
    found = "discretely consistent" if discrete else consistency(ladders)
    if discrete and layer.claims.adjoint == "discrete":
        found += _as_far_as_seen(layer, problem, distance.bound)
    if discrete or layer.claims.adjoint == "discrete":
        measurements = _against_own_forward(layer, problem)
    else:
        measurements = tuple(
            ladder.at_floor(f"error of ∂L/∂{g} on the finest grid")
            if ladder.fit.exact
            else at_least(f"order of ∂L/∂{g}", ladder.fit.slope, INCONSISTENT_BELOW)
            for g, ladder in ladders.items()
        )
    rate = taylor_rate(layer, problem, layer.few_steps)
    diagnosis = "" if all(m.holds for m in measurements) else _explain_class(layer, problem, found)
    if layer.claims.adjoint == "discrete":
        measurements += (at_least("rate of the Taylor remainder", rate, TAYLOR_THRESHOLD),)
        if not diagnosis and not measurements[-1].holds:
            diagnosis = "The Taylor remainder has rate 1: the gradient is not that of the forward pass."
    facts = {"gradient class": found, "Taylor rate": f"{rate:.2f}"}
    return Evidence(measurements, diagnosis, facts=facts)


def _as_far_as_seen(layer: LayerUnderTest, problem: Problem, bound: float) -> str:
    """Return a remark where a field of the user's own does not tell the classes apart; else "".

    Raises
    ------
    Inconclusive
        If a problem of the suite does not.
    """
    if not is_own(problem):
        require_separation(layer, problem, layer.few_steps, order_of(layer), bound)
        return ""
    close = inseparable(layer, problem, layer.few_steps, order_of(layer), bound)
    return " (a continuous adjoint would be as near)" if close else ""


def _levels(layer: LayerUnderTest) -> tuple[int, ...]:
    """Return three levels on which two right gradients approach each other.

    At order one the coarsest grids are not asymptotic yet, and finer ones are cheap.  Else the coarsest is
    the one at which all has been measured already.
    """
    if (layer.claims.order or 1) == 1:
        return layer.ladder(APPROACH_LEVELS_OF_ORDER_ONE)[1:]
    coarsest, *finer = layer.ladder(APPROACH_LEVELS)
    return (min(coarsest, layer.few_steps), *finer)


def _approach(gradient: str, goal: str, ladder: Ladder) -> Measurement:
    """Return the rate at which a gradient approaches another one, or that it has arrived at rounding."""
    if ladder.fit.exact:
        return ladder.at_floor(f"distance of {gradient} to {goal} on the finest grid")
    return at_least(f"rate at which {gradient} approaches {goal}", ladder.fit.slope, INCONSISTENT_BELOW)


def _against_own_forward(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the distance to finite differences: of all groups together, or of each if that is too large."""
    together = own_derivative_distance(layer, problem, layer.few_steps)
    if together.at_rounding:
        return (at_most("the gradient against finite differences", together.value, together.bound),)
    distances = own_derivative_distances(layer, problem, layer.few_steps)
    return tuple(
        at_most(f"∂L/∂{group} against finite differences", d.value, d.bound) for group, d in distances.items()
    )


def _explain_class(layer: LayerUnderTest, problem: Problem, found: str) -> str:
    """Return why a gradient is not the derivative of the forward pass: only what the distances leave open."""
    if found == "inconsistent":
        return explain_layer_gradient(layer, problem)
    seen = f"The gradient is {found}, but not the derivative of the layer's own forward pass"
    stages = explain_stage_states(layer, problem)
    if stages:
        return f"{seen}. {stages}"
    distances = own_derivative_distances(layer, problem, layer.few_steps)
    largest = max(d.value for d in distances.values())
    precision = format_of_cotangent(observe(layer, problem, layer.few_steps, layer.few_steps))
    if precision and largest <= layer.few_steps * UNIT_ROUNDOFF[precision]:
        return f"{seen}: the cotangent passes through {precision}."
    if any(d.at_rounding for d in distances.values()):
        right = " and ".join(f"∂L/∂{g}" for g, d in distances.items() if d.at_rounding)
        return f"{seen}, except for {right}: a term of the others is lost on the way or wrong."
    own = control(layer, order_of(layer), "continuous")
    apart = (
        max(d.value for d in own_derivative_distances(own, problem, layer.few_steps).values()) if own else 0.0
    )
    if SEPARATION * largest < apart:
        return (
            f"{seen}: it is {largest:.2g} off, where an adjoint that is discretised on its own is off by "
            f"{apart:.2g}, so it is rather rounding, or a factor near one."
        )
    return (
        f"{seen}: an adjoint that is discretised on its own, or a term lost on the way; "
        f"adjoint='discrete' is claimed."
    )


@check(
    title="Gradient agrees with finite differences",
    failure_title="Gradient does not agree with finite differences",
    theme="Gradient",
    kind="order",
    requires=frozenset({"fixed-step"}),
    problems=(neural,),
    features=GENERIC,
    own=True,
    needs="backward-pass",
    profile="ci",
    cite="scipy.differentiate.derivative; Griewank & Walther (2008), ch. 3",
)
def finite_differences(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compare the gradient with finite differences of the layer's own forward map.

    All groups are moved at once, and each by itself only if that does not agree.  The gradient of a layer
    that claims "discrete" must agree to ten times the reported error of the differences, or rounding.  A
    continuous adjoint differs by its discretisation error: there the distance must shrink as the steps do.
    """
    together = own_derivative_distance(layer, problem, layer.few_steps)
    if layer.claims.adjoint == "discrete" or together.at_rounding:
        measurements = _against_own_forward(layer, problem)
    else:
        measurements = _approaching_own_forward(layer, problem)
    diagnosis = ""
    if any(not m.holds for m in measurements):
        diagnosis = _explain_distances(
            layer.few_steps, own_derivative_distances(layer, problem, layer.few_steps), measurements
        )
    return Evidence(measurements, diagnosis)


def _approaching_own_forward(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the rate at which finite differences are approached: by all groups together, or if not, by each.

    Together they take one difference quotient a level, where each group would take its own.
    """
    levels = _levels(layer)

    def approach(gradient: str, distances: list[Distance]) -> Measurement:
        # Below its bound a distance says nothing: that is the floor that a ladder must stand clear of.
        floor = max(d.bound for d in distances) / FLOOR_FACTOR
        return _approach(gradient, "finite differences", fit(levels, [d.value for d in distances], floor))

    together = approach("the gradient", [own_derivative_distance(layer, problem, n) for n in levels])
    if together.holds:
        return (together,)
    by_level = [own_derivative_distances(layer, problem, n) for n in levels]
    return tuple(approach(f"∂L/∂{g}", [d[g] for d in by_level]) for g in by_level[0])


def _explain_distances(
    n_steps: int, distances: dict[str, Distance], measurements: tuple[Measurement, ...]
) -> str:
    """Return which groups do not approach finite differences, and how far they are from them."""
    held = zip(distances.items(), (m.holds for m in measurements), strict=True)
    off = ", ".join(f"∂L/∂{g} by {d.value:.2g}" for (g, d), holds in held if not holds)
    others = len(distances) - sum(not m.holds for m in measurements)
    seen = f"At {n_steps} steps the gradient differs from finite differences of the forward pass: {off}"
    return f"{seen}; {plural(others, 'other')} {verb(others, 'passes', 'pass')}." if others else f"{seen}."


@check(
    title="Gradient agrees with backprop through our own solver",
    failure_title="Gradient does not agree with backprop through our own solver",
    theme="Gradient",
    kind="order",
    requires=frozenset({"fixed-step"}),
    problems=(neural,),
    features=GENERIC,
    own=True,
    needs="backward-pass",
    profile="ci",
    cite="Chen et al. (2018), sec. 2; Gholami, Keutzer & Biros (2019): backprop as the discrete adjoint",
)
def backprop_agreement(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compare with backprop through our own solver of the same Butcher tableau.

    The tableau is the claimed one, or the one of ours whose forward pass agrees to rounding.  A discrete
    adjoint then agrees to rounding as well; a continuous one approaches it as the steps shrink.  A forward
    pass that is one of ours to rounding with fewer steps takes fewer than it is asked for.
    """
    matching = matching_tableau(layer, problem)
    if matching is None:
        message = "no tableau is claimed, and the forward pass is none of our explicit Runge-Kutta methods"
        raise Skip(message)
    tableau, n_steps, distance = matching
    if n_steps > layer.few_steps:  # substeps, or a number that is rounded up
        message = (
            f"with n_steps = {layer.few_steps} y1 is that of {plural(n_steps, 'step')} of our {tableau.name}"
        )
        raise Skip(message)
    if n_steps < layer.few_steps:
        return _of_fewer_steps(tableau, n_steps, layer.few_steps)
    evaluations = layer.solve(problem, layer.few_steps).evaluations
    widest = max(value.size for value in problem.params.values())
    rounding = layer.reordering * layer.roundoff(evaluations * widest)
    measurements = [at_most(f"y1 against our {tableau.name}", distance, rounding)]
    errors = _backprop_errors(layer, problem, tableau, layer.few_steps)
    if layer.claims.adjoint == "discrete" or all(e <= rounding for e in errors.values()):
        measurements += [at_most(f"∂L/∂{g} against backprop", e, rounding) for g, e in errors.items()]
    else:
        levels = _levels(layer)
        by_level = [_backprop_errors(layer, problem, tableau, n) for n in levels]
        for g in errors:
            ladder = fit(levels, [e[g] for e in by_level], rounding)
            measurements.append(_approach(f"∂L/∂{g}", "backprop", ladder))
    diagnosis = ""
    if any(not m.holds for m in measurements):
        worst = max(errors, key=lambda g: errors[g])
        diagnosis = (
            f"With the tableau {tableau.name} at {layer.few_steps} steps, y1 is off by {distance:.2g}; "
            f"∂L/∂{worst} differs most from backprop, by {errors[worst]:.2g}. "
            f"{explain_stage_states(layer, problem)}"
        ).strip()
    return Evidence(tuple(measurements), diagnosis, facts={"tableau": tableau.name})


def _of_fewer_steps(tableau: ButcherTableau, n_steps: int, asked: int) -> Evidence:
    """Return the evidence that the layer takes fewer steps than it is asked for."""
    diagnosis = (
        f"With n_steps = {asked} y1 is that of {plural(n_steps, 'step')} of our {tableau.name}, to "
        f"rounding: fewer are taken than are asked for. {remedy(asked, too_many=False)}."
    )
    off = at_most("steps asked for and not taken", asked - n_steps, 0, "steps")
    return Evidence((off,), diagnosis, facts={"tableau": tableau.name})


def _backprop_errors(
    layer: LayerUnderTest, problem: Problem, tableau: ButcherTableau, n_steps: int
) -> dict[str, float]:
    own = own_backprop(layer, tableau)
    judged = judged_groups(problem) if is_own(problem) else tuple(problem.groups)
    exact = [{group: run.gradients[group] for group in judged} for run in own.gradients(problem, n_steps)]
    return group_errors([run.gradients for run in layer.gradients(problem, n_steps)], exact)  # type: ignore[arg-type]
