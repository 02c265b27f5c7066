"""Second derivatives: a gradient that is differentiated again, as a gradient penalty does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.penalties import explain_dropped, explain_penalty
from nodecheck.layers import LayerError, LayerUnderTest, Refusal, attempt
from nodecheck.layers.layer import DOUBLE_BACKWARD
from nodecheck.measure.controls import control, shows
from nodecheck.measure.convergence import (
    exact_gradients,
    forward_ladder,
    gradient_ladders,
    order_of,
    settled,
)
from nodecheck.measure.tolerance import affordable, follows_tolerance
from nodecheck.numerics import INCONSISTENT_BELOW, MINIMUM_LEVELS, ORDER_MARGIN, group_errors
from nodecheck.numerics.constants import (
    SECOND_ORDER_COST,
    SECOND_ORDER_LEVELS,
    SECOND_ORDER_TOLERANCES,
)
from nodecheck.problems import Problem, neural_quarter
from nodecheck.reference import Feature
from nodecheck.results import Evidence, Inconclusive, Measurement, Unsupported, at_least, at_most
from nodecheck.variations.penalties import (
    PENALTIES,
    Penalty,
    exact_penalty,
    is_dropped,
    penalised,
    penalty_error,
    penalty_ladder,
)


@dataclass(frozen=True)
class _Outcome:
    """The measurements for one penalty and a sentence; or the error of a layer that may refuse it."""

    measurements: tuple[Measurement, ...] = ()
    diagnosis: str = ""
    refusal: str = ""


@check(
    title="Second derivatives are right",
    failure_title="Second derivatives are wrong, or dropped in silence",
    theme="Gradient",
    kind="order",
    problems=(neural_quarter,),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONSYMMETRIC, Feature.NONLINEAR, Feature.MOVING}),
    needs="backward-pass",
    cite="PyTorch documentation, Double Backward with Custom Functions; Gulrajani et al. (2017): the penalty",
)
def second_derivatives(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Add half the square of the gradient to the loss, and differentiate the sum.

    Regularised and generative models do that: `torch.autograd.grad(..., create_graph=True)`, a penalty on
    what it returns, and one `backward()` for both.  It is done for a linear loss with a penalty on ∂L/∂y0,
    and for a quadratic one with a penalty on all gradients.  The error must shrink at the order of the layer,
    or follow the tolerance.  The exact numbers are derivatives of exact gradients along the gradient.

    A layer may refuse to be differentiated twice, with an error: that is `unsupported`, and a line on its
    identity card, unless it claims "double-backward" in `supports`.  A penalty that is dropped without a word
    is a failure in any case: the model trains, without its penalty.

    Usual causes.  The backward pass of an `autograd.Function` runs under `no_grad` or differentiates detached
    copies, so that the gradient has no graph.  `once_differentiable` is no protection: it raises only if the
    cotangent requires a gradient, and that of a linear loss (a mean, a divergence, the output of a critic)
    does not.  Or the backward pass can be differentiated, but the state in it is detached.

    Remedies.  Backpropagate through the steps, with `torch.utils.checkpoint(use_reentrant=False)` where
    memory is short.  Write the backward pass as differentiable operations on what `save_for_backward` kept.
    Or refuse: where `torch.is_grad_enabled()` holds in the backward pass, return the gradients through a
    Function whose own backward raises an error.
    """
    _require_first_gradient(layer, problem)
    measurements: tuple[Measurement, ...] = ()
    refusal = ""
    for penalty in PENALTIES:
        if penalty.variation.name not in layer.backend.capabilities:
            continue
        one = _try(layer, problem, penalty)
        measurements += one.measurements
        if one.diagnosis:  # decided: what comes after could only say so once more
            return Evidence(measurements, one.diagnosis)
        refusal = refusal or one.refusal
    if refusal:
        facts = {"cannot be used": "differentiated twice"}
        raise Unsupported(f"cannot be differentiated twice.  {refusal}", facts)
    return Evidence(measurements, facts={"second derivatives": "right"})


def _require_first_gradient(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if some first derivative does not arrive: then the second one means nothing."""
    (run,) = layer.gradients(problem, _coarsest(layer), 1)
    missing = [f"∂L/∂{name}" for name, value in run.gradients.items() if value is None]
    if missing:
        message = (
            f"no first derivative arrives for {', '.join(missing)}: there is nothing to differentiate again"
        )
        raise Inconclusive(message)


def _coarsest(layer: LayerUnderTest) -> float:
    return layer.resolution(tol=layer.tolerances()[0], n_steps=layer.ladder()[0])


def _try(layer: LayerUnderTest, problem: Problem, penalty: Penalty) -> _Outcome:
    """Return the outcome for one penalty, which is refused or not at the coarsest resolution already."""
    found = attempt(lambda: penalised(layer, problem, _coarsest(layer), penalty))
    if isinstance(found, Refusal):
        text = f"For {penalty.words}: {str(found).rstrip('.')}."
        if DOUBLE_BACKWARD in layer.claims.supports or isinstance(found.error, LayerError):
            return _Outcome((at_most(f"passes that raise, {penalty.words}", 1, 0),), text)
        return _Outcome(refusal=text)
    if is_dropped(layer, problem, _coarsest(layer), penalty):
        measurement = at_most(f"penalties dropped without an error, {penalty.words}", 1, 0)
        return _Outcome((measurement,), explain_dropped(penalty))
    broken = sum(not np.isfinite(value).all() for value in found.values() if value is not None)
    if broken:
        measurement = at_most(f"gradients that are not finite, {penalty.words}", broken, 0)
        return _Outcome((measurement,), explain_penalty(layer, problem, _coarsest(layer), penalty))
    measure = _within_tolerance if layer.adaptive else _of_order
    measurements = measure(layer, problem, penalty)
    if all(m.holds for m in measurements):
        return _Outcome(measurements)
    _require_right_gradient(layer, problem)
    finest = (
        _tolerances(layer, problem)[-1] if layer.adaptive else layer.usual_ladder(SECOND_ORDER_LEVELS)[-1]
    )
    return _Outcome(measurements, explain_penalty(layer, problem, finest, penalty))


def _of_order(layer: LayerUnderTest, problem: Problem, penalty: Penalty) -> tuple[Measurement, ...]:
    order = order_of(layer)
    own = control(layer, order, "discrete")
    # Where our own solver does not show its order, nothing but convergence is asked for.
    shown = own is None or shows(penalty_ladder(own, problem, penalty), order)
    least = order - ORDER_MARGIN if shown else INCONSISTENT_BELOW
    ladder = settled(
        lambda extra: penalty_ladder(layer, problem, penalty, extra),
        lambda found: found.fit.rises_towards(order),
    )
    if ladder.fit.exact:
        return (ladder.at_floor(f"error for {penalty.words} on the finest grid"),)
    if ladder.fit.rises_towards(order):
        rate = ladder.fit.pairwise[-1]
        return (at_least(f"order for {penalty.words}, still rising", rate, INCONSISTENT_BELOW),)
    return (at_least(f"order for {penalty.words}", ladder.fit.slope, least),)


def _within_tolerance(layer: LayerUnderTest, problem: Problem, penalty: Penalty) -> tuple[Measurement, ...]:
    exact = exact_penalty(layer, problem, penalty)

    def error(tol: float) -> float:
        return penalty_error(penalised(layer, problem, tol, penalty), exact)

    name, tolerances = f"error for {penalty.words}", _tolerances(layer, problem)
    return follows_tolerance(name, layer, problem, error, tolerances=tolerances, with_gradient=True)


def _tolerances(layer: LayerUnderTest, problem: Problem) -> tuple[float, ...]:
    """Return the loose end of the sweep, up to the last tolerance that is not dear."""
    found = affordable(layer, problem, with_gradient=True)[:SECOND_ORDER_TOLERANCES]
    budget = layer.profile.evaluations / SECOND_ORDER_COST
    cheap = [tol for tol in found if layer.solve(problem, tol).evaluations <= budget]
    return found[: max(MINIMUM_LEVELS, len(cheap))]


def _require_right_gradient(layer: LayerUnderTest, problem: Problem) -> None:
    """Raise `Inconclusive` if the state or the gradient is wrong, too: other checks say so."""
    if layer.adaptive:
        exact = exact_gradients(layer, problem, 1)

        def error(tol: float) -> float:
            found = group_errors([layer.gradients(problem, tol, 1)[0].gradients], exact)
            return float(np.max(list(found.values())))

        tolerances = _tolerances(layer, problem)
        measured = follows_tolerance(
            "the gradient", layer, problem, error, tolerances=tolerances, with_gradient=True
        )
        wrong = [m.name for m in measured if not m.holds]
    else:
        least = order_of(layer) - ORDER_MARGIN
        ladders = {"y1": forward_ladder(layer, problem), **gradient_ladders(layer, problem)}
        wrong = [name for name, one in ladders.items() if not (one.fit.exact or one.fit.slope >= least)]
    if wrong:
        message = f"what is differentiated again does not converge itself: {', '.join(wrong)}"
        raise Inconclusive(message)
