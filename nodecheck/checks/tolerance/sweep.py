"""Adaptive layers: the error must follow the tolerance, in the state and in every gradient."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from nodecheck.checks.check import check
from nodecheck.diagnosis.adjoint_at_rest import explain_at_rest
from nodecheck.diagnosis.forward.limited import explain_limits_of_state
from nodecheck.diagnosis.layer_gradient import explain_at_tolerance
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.convergence import (
    enough_cotangents,
    error_at_tolerance,
    exact_gradients,
    judged_groups,
    over_cotangents,
)
from nodecheck.measure.fault_pictures import gradient_by_entry
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.measure.tolerance import (
    affordable,
    error_beside_controls,
    follows_tolerance,
    order_against_claim,
)
from nodecheck.measure.tolerance_sweep import Sweep, beside_the_state, exponent, sweep_tolerances
from nodecheck.measure.work_precision import work_precision
from nodecheck.numerics import MAXIMUM_GROWTH, TOLERANCE_FACTOR, group_errors, relative_error
from nodecheck.numerics.constants import CLEAR_RISE, HARDLY_MORE, NO_EFFECT
from nodecheck.problems import (
    Problem,
    at_rest,
    linear,
    lotka_volterra,
    neural,
    neural_reversed_quarter,
    spiral,
    time_linear,
    uneven,
    uneven_mirrored,
)
from nodecheck.reference import Feature, features, sensitivity, solve_adaptive
from nodecheck.results import Evidence, Series, Skip, at_most


@check(
    title="Error follows the tolerance",
    failure_title="Error does not follow the tolerance",
    theme="Forward",
    kind="order",
    requires=frozenset({"adaptive"}),
    problems=(neural, uneven, lotka_volterra, time_linear),
    more=(("smoke", neural.reversed()), ("ci", uneven_mirrored), ("ci", time_linear.reversed())),
    own=True,
    cite="Hairer, Nørsett & Wanner (1993), sec. II.4: control of the local error",
)
def forward_tolerance(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Sweep the tolerance and watch error/tol, beside SciPy's RK45 at equal tolerance.

    Under local error control a method of order p has a global error like tol^(p/(p+1)), so error/tol may
    grow like tol^(-1/2) at the worst (p = 1).  If the tolerance is ignored, or a part of the computation has
    a fixed error, it grows like tol^(-1).  One problem has members at rest beside members that move: the
    error norm must see the ones that do.

    Whatever the controller does, N evaluations leave an error like N^(-p), one order less where the lower of
    two embedded solutions is kept.  A claimed order that is missed by more says that the method is another:
    a coefficient, a stage time, the interpolation to t1.  An error that follows the tolerance may still be
    far above that of right methods of the order, at this tolerance and at this cost: a step in many is wrong.

    Some problems run from the later to the earlier time.  A layer that refuses t1 < t0 with an error is
    `unsupported` there.
    """
    if problem.duration < 0:
        return _tolerance_in_reverse(layer, problem)
    exact = sensitivity(problem).y1
    sweep = sweep_tolerances(
        layer, problem, lambda tol: {"y1": relative_error(layer.solve(problem, tol).y1, exact)}
    )
    tolerances, errors, growth = sweep.tolerances, sweep.errors["y1"], sweep.growths["y1"]
    own = _scipy_errors(problem, tolerances)
    claimed = order_against_claim(layer, problem, tolerances, errors)
    beside = error_beside_controls(layer, problem, tolerances, errors)
    diagnosis = ""
    if not growth <= MAXIMUM_GROWTH:
        has_effect = errors[0] > NO_EFFECT * errors[-1]
        seen = (
            f"goes from {errors[0]:.2g} to {errors[-1]:.2g}" if has_effect else f"stays at {errors[-1]:.2g}"
        )
        diagnosis = (
            f"{'' if has_effect else 'The tolerance has no effect: '}"
            f"between tol = {tolerances[0]:g} and {tolerances[-1]:g} the error {seen}; SciPy's RK45 ends at "
            f"{own[-1]:.2g}. {explain_limits_of_state(layer)}"
        ).strip()
        diagnosis = diagnosis[0].upper() + diagnosis[1:]
    elif claimed and not claimed[0].holds:
        diagnosis = (
            f"The error shrinks with the evaluations N like N^(-{claimed[0].value:.1f}); order "
            f"{layer.claims.order} is claimed: a coefficient, a stage time or the interpolation to t1 is "
            f"wrong."
        )
    elif beside and not beside[0].holds:
        diagnosis = (
            f"The error follows the tolerance, from {errors[0] / tolerances[0]:.2g} to "
            f"{errors[-1] / tolerances[-1]:.2g} times as large, but it is {beside[0].value:.2g} times that "
            f"of right methods of order {layer.claims.order} at equal tolerance and at equal cost: some "
            f"steps are wrong, as the last one is where it is interpolated to t1.  End the last step at t1."
        )
    series = (
        _curve("Error against tolerance", f"y1, {problem.name}", tolerances, errors),
        _curve("Error against tolerance", f"SciPy RK45, {problem.name}", tolerances, own),
    )
    facts = {"error of y1": _shrinks(growth)} if problem.on_card else {}
    measurement = at_most("growth exponent of error/tol", growth, MAXIMUM_GROWTH)
    metrics = (error_at_tolerance(layer, "y1", problem, tolerances, errors),)
    return Evidence((measurement, *claimed, *beside), diagnosis, series, facts, metrics)


def _tolerance_in_reverse(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Return if the error follows the tolerance where time runs backwards."""
    require_reverse_time(layer, problem)
    exact = sensitivity(problem).y1

    def error(tol: float) -> float:
        return relative_error(layer.solve(problem, tol).y1, exact)

    measurements = follows_tolerance("error of y1 in reverse time", layer, problem, error)
    tightest = affordable(layer, problem)[-1]
    wrong = any(not m.holds for m in measurements)
    diagnosis = ""
    if wrong:
        diagnosis = f"Where time runs backwards, at tol = {tightest:g}, y1 is off by {error(tightest):.2g}."
    return Evidence(measurements, diagnosis)


@check(
    title="Gradient error follows the tolerance",
    failure_title="Gradient error does not follow the tolerance",
    theme="Gradient",
    kind="order",
    requires=frozenset({"adaptive"}),
    problems=(neural, spiral, linear, lotka_volterra, time_linear),
    most=2,  # every mutant that fails on the third fails on one of these
    more=(("ci", neural_reversed_quarter), ("ci", at_rest)),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONSYMMETRIC, Feature.NONNORMAL, Feature.MOVING}),
    own=True,
    needs="backward-pass",
    cite="Chen et al. (2018), sec. 2; SciMLSensitivity issue 1094: judge by the tolerance sweep",
)
def gradient_tolerance(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Sweep the tolerance and watch the gradient error over the tolerance, group by group.

    Finite differences of an adaptive solver are biased, so only the exact gradient is a yardstick.  A
    wrong gradient keeps its error however tight the tolerance; so does one with a tolerance of its own.  One
    whose tolerance follows that of the state from afar, as its square root does, shows at the tight end,
    where the gradient is much worse than the state.

    One problem runs from the later to the earlier time, as in the check of the forward pass.  On another the
    state is at rest, and the adjoint alone moves: a step control of the backward pass must look at it.
    """
    unmoved = Feature.AT_REST in features(problem)
    if unmoved and layer.claims.adjoint != "continuous":
        message = "asked only where a continuous adjoint is claimed: no other has a step control of its own"
        raise Skip(message)
    if problem.duration < 0:
        require_reverse_time(layer, problem, with_gradient=True)
    count = enough_cotangents(layer, problem)
    exact = exact_gradients(layer, problem, count)

    def errors_at(tol: float) -> dict[str, float]:
        errors = group_errors([run.gradients for run in layer.gradients(problem, tol, count)], exact)
        return {group: errors[group] for group in judged_groups(problem)}

    sweep = sweep_tolerances(layer, problem, errors_at, with_gradient=True)
    tolerances, growths = sweep.tolerances, sweep.growths
    measurements = tuple(
        at_most(f"growth exponent of error/tol of ∂L/∂{g}", growth, MAXIMUM_GROWTH)
        for g, growth in growths.items()
    )
    measurements += (beside_the_state(layer, problem, sweep),)
    wrong = any(not m.holds for m in measurements)
    diagnosis = _explain_gradient(layer, problem, sweep) if wrong else ""
    if problem.duration < 0 or unmoved:
        return Evidence(measurements, diagnosis)
    series = tuple(
        _curve(
            "Gradient error against tolerance",
            f"∂L/∂{g}, {problem.name}",
            tolerances,
            sweep.errors[g],
        )
        for g in growths
    )
    if wrong:
        series += gradient_by_entry(layer, problem, tolerances[-1])
    series += work_precision(layer, problem, tolerances, sweep.errors)
    facts = {"gradient class": _class(layer, max(growths.values()))} if problem.on_card else {}
    metrics = tuple(
        error_at_tolerance(layer, over_cotangents(g, layer, problem), problem, tolerances, sweep.errors[g])
        for g in growths
    )
    return Evidence(measurements, diagnosis, series, facts, metrics)


def _explain_gradient(layer: LayerUnderTest, problem: Problem, sweep: Sweep) -> str:
    """Return the cause of a wrong gradient: a pass that does not follow the tolerance, if one does not.

    Other causes are looked for only if that explains no error so large.  The gradient may be worse than the
    state, or than the loosest tolerance, by the factor by which any right answer may exceed its tolerance.
    """
    if Feature.AT_REST in features(problem) and (text := explain_at_rest(layer, problem, sweep)):
        return text
    tolerances, exact = sweep.tolerances, sensitivity(problem).y1
    errors = [relative_error(layer.solve(problem, tol).y1, exact) for tol in tolerances]
    if exponent(layer, problem, tolerances, errors) > MAXIMUM_GROWTH:
        explained = errors[-1]
        text = (
            f"The forward pass itself does not follow the tolerance: between tol = {tolerances[0]:g} and "
            f"{tolerances[-1]:g} the error of y1 goes from {errors[0]:.2g} to {errors[-1]:.2g}, and the "
            f"gradient can be no better."
        )
    else:
        explained = tolerances[0]
        text = _own_tolerance(layer, problem, tolerances)
    largest = max(of_group[-1] for of_group in sweep.errors.values())
    if text and largest <= TOLERANCE_FACTOR * explained:
        return text
    return f"{text} {explain_at_tolerance(layer, problem, tolerances)}".strip()


def _own_tolerance(layer: LayerUnderTest, problem: Problem, tolerances: tuple[float, ...]) -> str:
    """Return that the backward pass costs the same at every tolerance, where the forward pass costs more.

    Nothing is known of a backward pass that does not evaluate the field.
    """
    ends = tolerances[0], tolerances[-1]
    forward = [layer.solve(problem, tol).evaluations for tol in ends]
    backward = [len(layer.gradients(problem, tol, 1)[0].calls) for tol in ends]
    if not backward[0] or forward[1] < CLEAR_RISE * forward[0] or backward[1] > HARDLY_MORE * backward[0]:
        return ""
    return (
        f"The backward pass has a tolerance, or steps, of its own: between tol = {ends[0]:g} and "
        f"{ends[1]:g} its evaluations go from {backward[0]} to {backward[1]}, those of the forward pass from "
        f"{forward[0]} to {forward[1]}."
    )


def _class(layer: LayerUnderTest, growth: float) -> str:
    """Return how the gradient follows the tolerance; only an adjoint equation is continuously consistent."""
    if not growth <= MAXIMUM_GROWTH:
        return "inconsistent"
    kind = "continuously consistent" if layer.claims.adjoint == "continuous" else "consistent"
    return f"{kind}: its error {_shrinks(growth)}"


def _shrinks(growth: float) -> str:
    """Return in words how an error follows the tolerance, from the growth of error/tol."""
    if not growth <= MAXIMUM_GROWTH:
        return "does not follow the tolerance"
    return f"shrinks with the tolerance, like tol^{1.0 - growth:.2f}"


@functools.lru_cache
def _scipy_errors(problem: Problem, tolerances: tuple[float, ...]) -> tuple[float, ...]:
    exact = sensitivity(problem).y1
    return tuple(relative_error(solve_adaptive(problem, tol)[0], exact) for tol in tolerances)


def _curve(plot: str, label: str, tolerances: Sequence[float], errors: Sequence[float]) -> Series:
    return Series(
        plot, label, tuple(tolerances), tuple(errors), "tolerance", "relative error", log=True, slope=1.0
    )
