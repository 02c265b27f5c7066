"""Universal claims, tried on problems, shapes, intervals and cotangents drawn by Hypothesis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from nodecheck.checks.check import check
from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.identities import identity_bound
from nodecheck.measure.search import dyadic, dyadics, falsify
from nodecheck.numerics import TOLERANCE_FACTOR, rms, roundoff
from nodecheck.problems import Problem, constant, neural
from nodecheck.results import Evidence, Measurement, at_most

_TOLERANCE = 1e-6
_N_STEPS = 4
_LOOSE_TOLERANCE = 1e-4  # the bound is a hundred times this, and the search solves many times
# Losses are scaled by as much in mixed precision; a power of two rounds nothing.
_SCALE = 2.0**13


@dataclass(frozen=True)
class ConstantField:
    """A drawn problem y' = c and how to solve it."""

    c: tuple[float, ...]
    y0: tuple[tuple[float, ...], ...]
    t0: float
    duration: float
    n_steps: int

    def problem(self) -> Problem:
        """Return it as a problem."""
        return constant.replace(
            name="constant_drawn", y0=np.array(self.y0), params={"c": np.array(self.c)}
        ).with_interval(self.t0, self.t0 + self.duration)


@st.composite
def constant_fields(draw: st.DrawFn) -> ConstantField:
    """Draw a constant field of one to four components for one to five batch members."""
    d, batch = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    return ConstantField(
        c=tuple(draw(dyadics(d))),
        y0=tuple(tuple(draw(dyadics(d))) for _ in range(batch)),
        t0=draw(dyadic(-16, 16)),
        duration=draw(dyadic(1, 24)),
        n_steps=draw(st.integers(2, 12)),
    )


@check(
    title="Constant fields of any shape and interval are integrated exactly",
    failure_title="Some constant field is not integrated exactly",
    theme="Forward",
    kind="identity",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: consistency, the sum of the weights is 1",
)
def constant_field_property(layer: LayerUnderTest) -> Evidence:
    """Draw constant fields, batch and state sizes, intervals and step counts; each must be exact.

    Finds what one fixed problem hides: an interval that is assumed to start at zero or to have length one, a
    shape that broadcasts, a step count that is not honoured.  The simplest counterexample is reported.
    """
    worst = 0.0

    def excess(drawn: ConstantField) -> float:
        problem = drawn.problem()
        y1 = layer.fresh(problem, _TOLERANCE if layer.adaptive else drawn.n_steps).y1
        error = float(np.max(np.abs(y1 - problem.y0 - drawn.duration * problem.params["c"])))
        # Where nothing moves and all is zero the bound is zero, and so must the error be.
        return error / identity_bound(layer, problem, drawn.n_steps) if error else 0.0

    def holds(drawn: ConstantField) -> bool:
        nonlocal worst
        ratio = excess(drawn)
        worst = max(worst, ratio if math.isfinite(ratio) else math.inf)
        return ratio <= 1

    found = falsify(constant_fields(), holds, examples=layer.profile.examples, random_seed=layer.seed)
    if found is None:
        return Evidence((at_most("largest error in units of its bound", worst, 1.0),))
    problem = found.problem()
    y1 = layer.fresh(problem, _TOLERANCE if layer.adaptive else found.n_steps).y1
    exact = problem.y0 + found.duration * problem.params["c"]
    diagnosis = (
        f"Simplest counterexample: y' = {list(found.c)}, y0 = {problem.y0.tolist()}, "
        f"t from {found.t0} to {found.t0 + found.duration}, {found.n_steps} steps: "
        f"y1 = {y1.tolist()}, exact {exact.tolist()}."
    )
    return Evidence((at_most("error in units of its bound", excess(found), 1.0),), diagnosis)


@check(
    title="Gradient is linear in the cotangent",
    failure_title="Gradient is not linear in the cotangent",
    theme="Gradient",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    cite="PyLops dot test; Griewank & Walther (2008), ch. 3: the pullback is a linear map",
)
def cotangent_linearity(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Pull back drawn cotangents u, v and u/2 - 2v: the gradients must combine in the same way.

    A fixed-step adjoint is linear to rounding, right or wrong in other respects; what breaks linearity is a
    cotangent that is ignored, normalised, or that steers something.  An adaptive adjoint chooses its steps by
    the cotangent and is linear to its tolerance only.

    A fixed-step layer is also given one cotangent times 8192 and over 8192: clipping and thresholds show at
    one end or the other.
    """
    drawn, diagnosis = _combined(layer, problem)
    if layer.adaptive:
        return Evidence((drawn,), diagnosis)
    scaled, of_scaling = _scaled(layer, problem)
    return Evidence((drawn, *scaled), f"{diagnosis} {of_scaling}".strip())


def _combined(layer: LayerUnderTest, problem: Problem) -> tuple[Measurement, str]:
    """Search for u and v that do not combine; return the worst of them, and say which."""
    resolution = _LOOSE_TOLERANCE if layer.adaptive else _N_STEPS
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
    examples = 3 if layer.adaptive else max(3, layer.profile.examples // 5)
    pairs = st.tuples(dyadics(size), dyadics(size))
    found = falsify(pairs, holds, examples=examples, random_seed=layer.seed)
    if found is None:
        return at_most("largest deviation in units of its bound", worst, 1.0), ""
    diagnosis = (
        f"Simplest counterexample: u = {found[0]}, v = {found[1]} (rows of the batch one after another): "
        f"the gradient for u/2 - 2v is not half that for u less twice that for v."
    )
    return at_most("deviation in units of its bound", excess(found), 1.0), diagnosis


def _scaled(layer: LayerUnderTest, problem: Problem) -> tuple[tuple[Measurement, ...], str]:
    """Pull back one cotangent, enlarged and reduced.

    Powers of two scale exactly.  Only an iteration that stops at a residual of fixed size rounds differently,
    and what it leaves undone, a rounding error at scale one, counts for up to `_SCALE` times as much.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    plain = layer.fresh(problem, _N_STEPS).pullback(cotangent)
    bound = _SCALE * _linearity_bound(layer, problem, _N_STEPS)
    measurements, seen = [], []
    for factor, words in ((_SCALE, "8192 times"), (1 / _SCALE, "1/8192 of")):
        scaled = layer.fresh(problem, _N_STEPS).pullback(factor * cotangent)
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
    """Return what keeps a gradient from being proportional: the end it shows at, and what is left at zero."""
    words, worst = seen[0]
    text = f"For {words} the cotangent, ∂L/∂{worst} is not {words} the gradient"
    zero = layer.fresh(problem, _N_STEPS).pullback(np.zeros(problem.y0.shape))
    left = [group for group, value in zero.items() if np.any(_or_zero(value))]
    if left:
        return f"{text}: something is added to ∂L/∂{left[0]} that is there for a cotangent of zero, too."
    if len(seen) > 1:
        return f"{text}, nor is it for {seen[1][0]} it: normalised, or of another form than linear."
    if words == "8192 times":
        return f"{text}, and for 1/8192 of it it is: clipped where it is large."
    return f"{text}, and for 8192 times it it is: cut off, or rounded, where it is small."


def _relative(value: Array, expected: Array) -> float:
    difference, scale = rms(value - expected), rms(expected)
    return difference / scale if scale > 0 else difference


def _linearity_bound(layer: LayerUnderTest, problem: Problem, resolution: float) -> float:
    if layer.adaptive:
        return TOLERANCE_FACTOR * _LOOSE_TOLERANCE
    widest = max(value.size for value in problem.params.values())
    return roundoff(max(1, layer.solve(problem, resolution).evaluations) * widest)


def _nonlinearity(
    layer: LayerUnderTest, problem: Problem, resolution: float, u: Array, v: Array
) -> dict[str, float]:
    """Return for every group |g(u/2 - 2v) - g(u)/2 + 2 g(v)| relative to the sum of the three."""
    pulled = [layer.fresh(problem, resolution).pullback(w) for w in (0.5 * u - 2.0 * v, u, v)]
    deviations = {}
    for group in pulled[0]:
        combined, first, second = (_or_zero(g[group]) for g in pulled)
        scale = rms(combined) + rms(first) / 2 + 2 * rms(second)
        difference = rms(combined - 0.5 * first + 2.0 * second)
        deviations[group] = difference / scale if scale > 0 else difference
    return deviations


def _or_zero(value: Array | None) -> Array:
    return np.zeros(1) if value is None else value
