"""The pullback is a linear map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import Array, LayerUnderTest, largest_entry
from nodecheck.measure.search import dyadics, falsify
from nodecheck.numerics import MAXIMUM_GROWTH, TOLERANCE_FACTOR, fit_growth, rms
from nodecheck.numerics.constants import (
    COMPARED_SWEEP,
    COMPARED_TOLERANCE,
    COTANGENT_SCALE,
    FEW_EXAMPLES,
    LEFT_OF_LIMITED,
    SHARE_OF_EXAMPLES,
    USUAL_STEPS,
)
from nodecheck.problems import Problem, neural, neural_at_outputs
from nodecheck.results import Evidence, Measurement, at_most
from nodecheck.variations.comparison import compared_resolution, usual_resolution

# The two scales of a cotangent, in words.
_ENLARGED, _REDUCED = f"{COTANGENT_SCALE:.0f} times", f"1/{COTANGENT_SCALE:.0f} of"


@check(
    title="Gradient is linear in the cotangent",
    failure_title="Gradient is not linear in the cotangent",
    theme="Gradient",
    kind="identity",
    problems=(neural,),
    own=True,
    needs="backward-pass",
    cite="PyLops dot test; Griewank & Walther (2008), ch. 3: the pullback is a linear map",
)
def cotangent_linearity(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Pull back drawn cotangents u, v and u/2 - 2v: the gradients must combine in the same way.

    A fixed-step adjoint is linear to rounding, right or wrong in other respects; what breaks linearity is a
    cotangent that is ignored, normalised, or that steers something.  An adaptive adjoint chooses its steps by
    the cotangent and is linear to its tolerance only.

    A fixed-step layer is also given one cotangent enlarged and reduced by the power of two by which a loss
    is scaled in mixed precision.  A gradient that is clipped shows in the large one, and one of which small
    entries are cut off in the small one.  The zero cotangent must give gradients that are exactly zero.  And
    where the cotangent of one member of the batch alone is not zero, the gradients add up to that of all.

    A layer with output times is given the cotangent of each output alone: these gradients, too, add up to
    that for all outputs at once.  A loss often looks at some outputs only, and a backward pass that begins at
    the last of them must begin from the state there.
    """
    drawn, diagnosis = _combined(layer, problem)
    zero, of_zero = _of_zero(layer, problem)
    outputs, of_outputs = _of_outputs(layer) if layer.claims.output_times else ((), "")
    if layer.adaptive:
        return Evidence((drawn, *outputs, zero), diagnosis or of_outputs or of_zero)
    scaled, of_scaling = _scaled(layer, problem)
    members, of_members = _of_members(layer, problem)
    found = f"{diagnosis} {of_scaling}".strip() or of_members or of_outputs or of_zero
    return Evidence((drawn, *scaled, members, *outputs, zero), found)


def _of_members(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, str]:
    """Pull back one cotangent of each member of the batch alone: their gradients add up to that of all."""
    (cotangent,) = layer.cotangents(problem, 1)
    alone = [np.where(np.arange(len(cotangent))[:, None] == k, cotangent, 0.0) for k in range(len(cotangent))]
    measurement, group = _sum_of(alone, layer, problem, USUAL_STEPS, "members")
    if measurement.holds:
        return measurement, ""
    return measurement, (
        f"∂L/∂{group} is not the sum of what the members of the batch contribute, each for a cotangent of "
        f"its own: a cotangent with rows of zeros is treated apart."
    )


def _of_outputs(layer: LayerUnderTest) -> tuple[tuple[Measurement, ...], str]:
    """Pull back the cotangent of each output alone: their gradients add up to that of all outputs."""
    problem = layer.counterpart(neural_at_outputs)
    (cotangent,) = layer.cotangents(problem, 1)
    places = np.arange(len(cotangent))[:, None, None]
    alone = [np.where(places == k, cotangent, 0.0) for k in range(len(cotangent))]
    measurement, group = _sum_of(alone, layer, problem, compared_resolution(layer), "outputs")
    if layer.adaptive and not measurement.holds:  # one of low order may exceed its tolerance by much
        sums = [_sum_of(alone, layer, problem, tol, "outputs")[0].value for tol in COMPARED_SWEEP]
        growth = fit_growth(COMPARED_SWEEP, sums, layer.eps)
        name = f"growth exponent of the {measurement.name} over the tolerance"
        measurement = at_most(name, 0.0 if math.isnan(growth) else growth, MAXIMUM_GROWTH)
    if measurement.holds:
        return (measurement,), ""
    return (measurement,), (
        f"∂L/∂{group} is not the sum of what the outputs contribute, each in a loss on it alone: where the "
        f"cotangents of later outputs are zero, the backward pass begins elsewhere or from another state."
    )


def _sum_of(
    parts: Sequence[Array], layer: LayerUnderTest, problem: Problem, resolution: float, of: str
) -> tuple[Measurement, str]:
    """Return by how much the gradients for the parts of a cotangent miss that for their sum, and of what."""
    whole = layer.pullback(problem, resolution, np.sum(parts, axis=0)).gradients
    found = [layer.pullback(problem, resolution, w).gradients for w in parts]
    sums = {group: np.sum([_or_zero(one[group]) for one in found], axis=0) for group in whole}
    deviations = {group: _relative(sums[group], _or_zero(value)) for group, value in whole.items()}
    worst = max(deviations, key=lambda group: np.nan_to_num(deviations[group], nan=np.inf))
    bound = len(parts) * _linearity_bound(layer, problem, resolution)
    return at_most(f"deviation of the sum over {of} alone", deviations[worst], bound), worst


def _of_zero(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, str]:
    """Pull back the zero cotangent: every gradient must be exactly zero."""
    cotangent = np.zeros_like(problem.y0)
    gradients = layer.pullback(problem, usual_resolution(layer), cotangent).gradients
    sizes = {name: largest_entry(value) for name, value in gradients.items()}
    worst = max(sizes, key=lambda name: sizes[name])
    largest = max(sizes.values())
    text = f"∂L/∂{worst} is {largest:.2g} although the loss does not depend on y1." if largest else ""
    return at_most("largest entry of the gradient for a zero cotangent", largest, 0.0), text


def _combined(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, str]:
    """Search for u and v that do not combine; return the worst of them, and say which."""
    from hypothesis.strategies import tuples

    resolution = compared_resolution(layer)
    size = problem.y0.size
    bound = _linearity_bound(layer, problem, resolution)

    def excess(drawn: tuple[list[float], list[float]]) -> float:
        u, v = (np.array(entries).reshape(problem.y0.shape) for entries in drawn)
        return float(np.max([*_nonlinearity(layer, problem, resolution, u, v).values()])) / bound

    worst = 0.0

    def holds(drawn: tuple[list[float], list[float]]) -> bool:
        nonlocal worst
        ratio = excess(drawn)
        worst = max(worst, ratio if math.isfinite(ratio) else math.inf)
        return ratio <= 1

    # To a tolerance only, and with many more evaluations for each: there the fewest must do.
    fewer = round(layer.profile.examples * SHARE_OF_EXAMPLES)
    examples = FEW_EXAMPLES if layer.adaptive else max(FEW_EXAMPLES, fewer)
    pairs = tuples(dyadics(size), dyadics(size))
    found = falsify(pairs, holds, examples=examples, random_seed=layer.seed)
    if found is None:
        return at_most("largest deviation in units of its bound", worst, 1.0), ""
    diagnosis = (
        f"Simplest counterexample: u = {found[0]}, v = {found[1]} (rows of the batch one after another): "
        f"the gradient for u/2 - 2v is not half that for u less twice that for v."
    )
    return at_most("deviation in units of its bound", excess(found), 1.0), diagnosis


def _scaled(layer: LayerUnderTest, problem: Problem) -> tuple[tuple[Measurement, ...], str]:
    """Pull back one cotangent, times `COTANGENT_SCALE` and divided by it, and compare with the unscaled one.

    The scale is a power of two, so a linear pullback returns the same digits, and its error is that of
    rounding.  An exception is an iteration that stops at a residual of fixed size, which is rounding for the
    unscaled cotangent.  Relative to the reduced one it is `COTANGENT_SCALE` times as large: hence the bound.
    What is clipped or cut off is gone nearly all, so no narrow dtype needs a bound of more than a half.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    plain = layer.pullback(problem, USUAL_STEPS, cotangent).gradients
    bound = min(COTANGENT_SCALE * _linearity_bound(layer, problem, USUAL_STEPS), LEFT_OF_LIMITED)
    measurements, seen = [], []
    for factor, words in ((COTANGENT_SCALE, _ENLARGED), (1 / COTANGENT_SCALE, _REDUCED)):
        scaled = layer.pullback(problem, USUAL_STEPS, factor * cotangent).gradients
        deviations = {
            group: _relative(_or_zero(scaled[group]) / factor, _or_zero(value))
            for group, value in plain.items()
        }
        # A gradient that overflows is the worst of all.
        worst = max(deviations, key=lambda group: np.nan_to_num(deviations[group], nan=np.inf))
        measurements.append(at_most(f"deviation at {words} the cotangent", deviations[worst], bound))
        if not measurements[-1].holds:
            seen.append((words, worst))
    return tuple(measurements), _explain_scaling(layer, problem, seen) if seen else ""


def _explain_scaling(layer: LayerUnderTest, problem: Problem, seen: list[tuple[str, str]]) -> str:
    """Return the cause of a gradient that is not proportional to its cotangent."""
    words, worst = seen[0]
    text = f"For {words} the cotangent, ∂L/∂{worst} is not {words} the gradient"
    zero = layer.pullback(problem, USUAL_STEPS, np.zeros(problem.y0.shape)).gradients
    left = [group for group, value in zero.items() if np.any(_or_zero(value))]
    if left:
        return f"{text}: something is added to ∂L/∂{left[0]} that is there for a cotangent of zero, too."
    if len(seen) > 1:
        return f"{text}, nor is it for {seen[1][0]} it: normalised, or of another form than linear."
    if words == _ENLARGED:
        return f"{text}, and for {_REDUCED} it it is: clipped where it is large."
    return f"{text}, and for {_ENLARGED} it it is: cut off, or rounded, where it is small."


def _relative(value: Array, expected: Array) -> float:
    difference, scale = rms(value - expected), rms(expected)
    return difference / scale if scale > 0 else difference


def _linearity_bound(layer: LayerUnderTest, problem: Problem, resolution: float) -> float:
    if layer.adaptive:
        return TOLERANCE_FACTOR * COMPARED_TOLERANCE
    widest = max(value.size for value in problem.params.values())
    return layer.roundoff(max(1, layer.solve(problem, resolution).evaluations) * widest)


def _nonlinearity(
    layer: LayerUnderTest, problem: Problem, resolution: float, u: Array, v: Array
) -> dict[str, float]:
    """Return for every group |g(u/2 - 2v) - g(u)/2 + 2 g(v)| relative to the sum of the three."""
    pulled = [layer.pullback(problem, resolution, w).gradients for w in (0.5 * u - 2.0 * v, u, v)]
    deviations = {}
    for group in pulled[0]:
        combined, first, second = (_or_zero(g[group]) for g in pulled)
        scale = rms(combined) + rms(first) / 2 + 2 * rms(second)
        difference = rms(combined - 0.5 * first + 2.0 * second)
        deviations[group] = difference / scale if scale > 0 else difference
    return deviations


def _or_zero(value: Array | None) -> Array:
    return np.zeros(1) if value is None else value
