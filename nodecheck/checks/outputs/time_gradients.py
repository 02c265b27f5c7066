"""The gradient with respect to times: t0, t1 and the output times."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.diagnosis.outputs.time_gradients import explain_refusal, explain_times
from nodecheck.layers import Gradients, LayerUnderTest, Refusal, attempt, largest_entry
from nodecheck.layers.layer import TIME_GRADIENTS
from nodecheck.measure.controls import asymptotic, control
from nodecheck.measure.convergence import exact_gradients, forward_ladder, order_of, settled
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.measure.time_gradients import (
    distance_to_own_slope,
    ends_steps_at,
    error_of_times,
    ladder_of_times,
    names_of_times,
    pullbacks,
)
from nodecheck.measure.tolerance import affordable, follows_tolerance
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN, TOLERANCE_FACTOR, relative_error
from nodecheck.numerics.constants import EXPLAINED_SHARE
from nodecheck.problems import (
    Problem,
    at_usual_outputs,
    half_reversed_at_outputs,
    is_own,
    neural_at_outputs,
    neural_half,
    neural_reversed_half,
)
from nodecheck.reference import Feature, sensitivity
from nodecheck.results import (
    ALSO_LOOKED_AT,
    Evidence,
    Inconclusive,
    Measurement,
    Unsupported,
    at_least,
    at_most,
)
from nodecheck.variations.comparison import difference

_AT_OUTPUTS = ((neural_half, neural_at_outputs), (neural_reversed_half, half_reversed_at_outputs))
_LOOKED_AT = "gradients with respect to times"


@check(
    title="Gradient with respect to times is right",
    failure_title="Gradient with respect to times is wrong",
    theme="Gradient",
    kind="order",
    requires=frozenset({"times"}),
    problems=(neural_half,),
    more=(("smoke", neural_reversed_half),),
    features=frozenset({Feature.TIME_DEPENDENT, Feature.STATE_DEPENDENT, Feature.MOVING}),
    own=True,
    needs="backward-pass",
    cite="Chen et al. (2018), app. B: ∂L/∂t1 = a(t1) f(t1, y1), ∂L/∂t0 = -a(t0) f(t0, y0)",
)
def time_gradients(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Let the times require a gradient, and fit the order of the error of ∂L/∂t0, ∂L/∂t1 and ∂L/∂ts.

    A state moves with its own time by the field there: ∂L/∂ts[k] = <w_k, f(t_k, y_k)>, with w_k the cotangent
    of that output alone, summed over batch and components.  To start later is to start from another state:
    ∂L/∂t0 = -<a(t0), f(t0, y0)>, with a(t0) the adjoint that arrives there, which is ∂L/∂y0 without the
    cotangent of ys[0].  For an adaptive layer the error must follow the tolerance.

    Layers with output times are asked for all of them; others for t0 and t1, and only with "time-gradients"
    in `supports`.  A layer that raises an error, or gives no gradient at all, is `unsupported` unless it
    promises one.  Zeros are no refusal: what arrives is judged.  y0 and the parameters must get the gradients
    that they get where times require none.  In one problem time runs backwards.

    Usual causes, and what to do:

    - The sign of ∂L/∂t0: to start later is to move against the field, so there is a minus.
    - A mean over the batch: one time belongs to all members, so its gradient is the sum.
    - A batch axis left in the gradient: sum over all axes of the state.
    - `float(t)` or `t.item()` in the loop: that part of the dependence is lost.  Compute steps and stage
      times from the tensors, or return the formulas above from an autograd function.
    - The adjoint where the cotangent of one output is due, or the other way round.
    - Derivatives that are right only for a field without t: ∂L/∂t0 is not minus the sum of the others.
    """
    asked = _at_outputs(layer, problem) if layer.claims.output_times else problem
    if asked.duration < 0:
        require_reverse_time(layer, asked, with_gradient=True)
    resolution = layer.resolution(tol=layer.tolerances()[0], n_steps=layer.ladder()[0])
    first = attempt(lambda: pullbacks(layer, asked, resolution)[0].gradients)
    if missing := _missing(layer, first):
        return missing
    assert not isinstance(first, Refusal)  # or it is missing
    same = _others_unchanged(layer, asked, resolution, first)
    measurements = _within_tolerance(layer, asked) if layer.adaptive else _of_order(layer, asked)
    wrong = any(not m.holds for m in measurements)
    if wrong:
        _require_right_states(layer, asked, measurements)
    words = [] if same.holds else ["y0 and the parameters get other gradients where times require one."]
    if wrong:
        finest = affordable(layer, asked)[-1] if layer.adaptive else layer.ladder()[-1]
        words.append(explain_times(layer, asked, finest))
    return Evidence((*measurements, same), " ".join(words), facts={ALSO_LOOKED_AT: _LOOKED_AT})


def _at_outputs(layer: LayerUnderTest, problem: Problem) -> Problem:
    """Return the problem with output times that is asked for in place of one without."""
    if is_own(problem):
        return at_usual_outputs(problem)
    (found,) = (at for plain, at in _AT_OUTPUTS if layer.counterpart(plain).name == problem.name)
    return layer.counterpart(found)


def _missing(layer: LayerUnderTest, first: Gradients | Refusal) -> Evidence | None:
    """Return the failure of a layer that promises gradients and gives none; None if they arrive.

    Raises
    ------
    Unsupported
        If none arrive and none are promised.
    """
    names = names_of_times(layer)
    if isinstance(first, Refusal):
        lost, text = names, explain_refusal(first)
    else:
        lost = tuple(name for name in names if first[name] is None)
        text = f"No gradient arrives at {' and '.join(lost)}: times are taken as numbers."
    if not lost:
        return None
    if TIME_GRADIENTS not in layer.claims.supports:
        raise Unsupported(text, {"cannot be used": "with times that require a gradient"})
    return Evidence((at_most("times without the gradient that is promised", len(lost), 0),), text)


def _others_unchanged(
    layer: LayerUnderTest, problem: Problem, resolution: float, found: Gradients
) -> Measurement:
    """Return the change of the other gradients against those where times require none.

    A backward pass with steps of its own may take others where it carries more: then two right gradients
    differ by twice their error, or by what the tolerance allows.
    """
    usual = layer.gradients(problem, resolution, 1)[0].gradients
    others = {name: found[name] for name in usual}
    scale = max(map(largest_entry, usual.values()))
    if layer.adaptive:
        (exact,) = exact_gradients(layer, problem, 1)
        bound = max(TOLERANCE_FACTOR * resolution * max(1.0, scale), 2 * difference(usual, exact))
    else:
        widest = max(value.size for value in problem.params.values())
        evaluations = max(1, layer.solve(problem, resolution).evaluations)
        bound = layer.reordering * layer.roundoff(evaluations * widest, scale)
    return at_most("change of the other gradients where times require one", difference(others, usual), bound)


def _of_order(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    order = order_of(layer)
    own = control(layer, order)
    if own is not None:
        asymptotic({"times": ladder_of_times(own, problem)}, order, problem)
    due = _order_due(layer, problem, order)
    ladder = settled(
        lambda extra: ladder_of_times(layer, problem, extra), lambda found: found.fit.rises_towards(due)
    )
    if ladder.fit.exact:
        return (ladder.at_floor("error of ∂L/∂t on the finest grid"),)
    if ladder.fit.rises_towards(due):
        return (at_least("order of ∂L/∂t, still rising", ladder.fit.pairwise[-1], INCONSISTENT_BELOW),)
    return (at_least("order of ∂L/∂t", ladder.fit.slope, due - ORDER_MARGIN),)


def _order_due(layer: LayerUnderTest, problem: Problem, order: int) -> int:
    """Return the order that is due: one less where states are interpolated and backpropagated.

    Where a step ends at an output time, the error of the state there is h^p e(ts) with a smooth e: its
    derivative has the order p, too, and so has f(t_k, y_k).  The derivative of an interpolant is its slope.
    An interpolant through values with an error of h^p, or of degree p - 1, has a slope with an error of
    h^(p - 1): h^3 for Hermite's cubic on a method of order four.  While t0 moves, the grid does, and every
    output time changes its place on it: the same slope.  A straight line has a slope with an error of h.
    """
    between = bool(problem.ts) and not ends_steps_at(layer, problem, layer.ladder()[0])
    return max(1, order - 1) if between else order


def _within_tolerance(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, ...]:
    """Return the measurements of an error that follows the tolerance, or is that of the layer's own states.

    The slope of an interpolant follows the tolerance worse than the states do, and jumps with the place of
    the output within its step: that of torchdiffeq's bosh3 shrinks by a factor of two for each decade.
    """
    found = follows_tolerance(
        "error of ∂L/∂t", layer, problem, lambda tol: error_of_times(layer, problem, tol)
    )
    if all(m.holds for m in found):
        return found
    tol = affordable(layer, problem)[-1]
    left = distance_to_own_slope(layer, problem, tol) / error_of_times(layer, problem, tol)
    own = at_most("share of the error that the slope of the layer's own states leaves", left, EXPLAINED_SHARE)
    return (own,) if own.holds else found


def _require_right_states(
    layer: LayerUnderTest, problem: Problem, measurements: tuple[Measurement, ...]
) -> None:
    """Raise `Inconclusive` if the states are what does not converge: then nothing is known about times."""
    if layer.adaptive:
        exact = sensitivity(problem).y1
        states = follows_tolerance(
            "error of ys", layer, problem, lambda tol: relative_error(layer.solve(problem, tol).y1, exact)
        )
        if all(m.holds for m in states):
            return
        message = "the states do not follow the tolerance: the forward pass decides, not the gradient"
        raise Inconclusive(message)
    fitted, order = forward_ladder(layer, problem).fit, order_of(layer)
    if fitted.exact or not fitted.slope < order - ORDER_MARGIN:
        return
    converging = all(m.value >= INCONSISTENT_BELOW for m in measurements)
    if converging or fitted.slope < INCONSISTENT_BELOW:
        message = (
            f"the states converge at order {fitted.slope:z.2f}, not {order}: the forward pass decides, not "
            f"the gradient"
        )
        raise Inconclusive(message)
