"""Comparison of two solutions: to rounding, or to the tolerance of an adaptive layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import (
    Array,
    Gradients,
    LayerUnderTest,
    Refusal,
    Solution,
    Solve,
    attempt,
    largest_entry,
)
from nodecheck.numerics import MAXIMUM_GROWTH, TOLERANCE_FACTOR, fit_growth, roundoff
from nodecheck.numerics.constants import (
    COMPARED_SWEEP,
    COMPARED_TOLERANCE,
    USUAL_STEPS,
    USUAL_TOLERANCE,
)
from nodecheck.problems import Problem
from nodecheck.results import Measurement, at_most
from nodecheck.results.phrases import in_per_cent


@dataclass(frozen=True)
class Change:
    """The differences of y1 and of the gradients to those of another solution.

    Attributes
    ----------
    excess
        In units of their bounds; infinite if a gradient did not arrive.
    relative
        In units of their size.
    missing
        The gradients that did not arrive, or arrived as zeros.
    """

    excess: dict[str, float]
    relative: dict[str, float]
    missing: tuple[str, ...]

    @property
    def worst(self) -> float:
        """The largest difference in units of its bound, NaN among them."""
        return float(np.max(list(self.excess.values())))

    def __str__(self) -> str:
        off = [name for name, excess in self.excess.items() if not excess <= 1 and name not in self.missing]
        sizes = sorted(self.relative[name] for name in off)
        parts = [self._listed(self.missing, "missing")] if self.missing else []
        if off:
            their = "its" if len(off) == 1 else "their"
            parts.append(self._listed(off, f"off by {in_per_cent(sizes[0], sizes[-1], their)}"))
        return ", ".join(parts)

    def _listed(self, names: Sequence[str], how: str) -> str:
        """Return a clause about some of the groups, in which all parameters go by one name."""
        params = [name for name in self.excess if name not in ("y1", "∂L/∂y0")]
        if 2 < len(params) == sum(name in params for name in names):
            whole = "all gradients" if "∂L/∂y0" in names else "all parameter gradients"
            names = [*(name for name in names if name == "y1"), whole]
        if len(names) == 1:
            return f"{names[0]} {'are' if names[0].startswith('all') else 'is'} {how}"
        return f"{', '.join(names[:-1])} and {names[-1]} are {how}"


def usual_resolution(layer: LayerUnderTest) -> float:
    """Return few steps, or a usual tolerance, where no accuracy is asked for."""
    return layer.resolution(tol=USUAL_TOLERANCE, n_steps=USUAL_STEPS)


def compared_resolution(layer: LayerUnderTest) -> float:
    """Return few steps, or a tolerance to which solutions are compared."""
    return layer.resolution(tol=COMPARED_TOLERANCE, n_steps=USUAL_STEPS)


def plain_solution(
    layer: LayerUnderTest, problem: Problem, cotangent: Array, resolution: float | None = None
) -> Solution:
    """Return y1 and all gradients in plain use."""
    return layer.solution(Solve(problem, resolution or compared_resolution(layer)), (cotangent,))


def difference(found: Gradients, expected: Gradients) -> float:
    """Return the largest difference, NaN among them; infinite where only one of two gradients arrived."""
    return float(np.max([distance(value, expected[name]) for name, value in found.items()]))


def distance(value: Array | None, other: Array | None) -> float:
    """Return the largest difference of two arrays; infinite if only one of them arrived."""
    if value is None or other is None:
        return 0.0 if value is other else np.inf
    return float(np.max(np.abs(value - other), initial=0.0))


def compare(
    layer: LayerUnderTest,
    problem: Problem,
    found: Solution,
    expected: Solution,
    roundings: float = 1.0,
    tolerance: float = COMPARED_TOLERANCE,
    eps: float | None = None,
) -> Change:
    """Return the differences of a solution to the expected one, in the groups that both should have.

    Sums over the parameters or over the state may be taken in another order, and where a layer takes
    derivatives by differences, half of the digits are rounded away.

    Parameters
    ----------
    roundings
        Factor by which more may be rounded away than in an ordinary pass.
    tolerance
        The tolerance that an adaptive layer was given.
    eps
        Unit of rounding of the state; None: that of the dtype of the layer.
    """
    pairs: dict[str, tuple[Array | None, Array]] = {"y1": (found.y1, expected.y1)}
    for name, gradient in found.gradients.items():
        exact = expected.gradients[name]
        if exact is not None:  # else it is missing always, which is another check
            pairs[f"∂L/∂{name}"] = (gradient, exact)
    widest = max(problem.y0.size, *(value.size for value in problem.params.values()))
    unit = eps or layer.eps
    operations = max(1, expected.all_evaluations) * widest
    bound = roundings * max(math.sqrt(unit), roundoff(operations, eps=unit))
    if layer.adaptive:
        bound = max(bound, TOLERANCE_FACTOR * tolerance)
    scales = {"y1": largest_entry(expected.y1)}
    largest = max(map(largest_entry, expected.gradients.values()))
    changes = {name: distance(*pair) for name, pair in pairs.items()}
    excess = {name: d / (bound * max(1.0, scales.get(name, largest))) for name, d in changes.items()}
    relative = {name: d / (largest_entry(pairs[name][1]) or 1.0) for name, d in changes.items()}
    zero = [name for name, (value, _) in pairs.items() if name != "y1" and largest_entry(value) == 0]
    return Change(excess, relative, tuple(name for name in zero if excess[name] > 1))


def judge_same(
    when: str,
    layer: LayerUnderTest,
    problem: Problem,
    cotangent: Array,
    expected: Callable[[float], Solution],
    roundings: float = 1.0,
) -> tuple[Measurement, str]:
    """Return the difference of the solution of a problem to the expected one, and a sentence about it.

    An adaptive layer of low order may exceed its tolerance by much.  If it does, the difference has to shrink
    with the tolerance.

    Parameters
    ----------
    when
        A clause: "on an interval 8 times as long".
    expected
        The expected solution at a resolution.
    """

    def found(resolution: float) -> Change:
        solution = plain_solution(layer, problem, cotangent, resolution)
        return compare(layer, problem, solution, expected(resolution), roundings)

    outcome = attempt(lambda: found(compared_resolution(layer)))
    if isinstance(outcome, Refusal):
        return raised(when, outcome)
    measurement = unchanged_or_shrinking(when, layer, outcome, found)
    return measurement, "" if measurement.holds else sentence(outcome, when)


def unchanged_or_shrinking(
    when: str, layer: LayerUnderTest, change: Change, found: Callable[[float], Change]
) -> Measurement:
    """Return the measurement of a change, which may also shrink with the tolerance: `found` returns it."""
    measurement = unchanged(when, change)
    if not layer.adaptive or measurement.holds or not math.isfinite(change.worst):
        return measurement
    growth = fit_growth(COMPARED_SWEEP, [found(tol).worst for tol in COMPARED_SWEEP], layer.eps)
    name = f"growth exponent of the change {when} over the tolerance"
    return at_most(name, 0.0 if math.isnan(growth) else growth, MAXIMUM_GROWTH)


def sentence(change: Change, when: str) -> str:
    """Return the differences, and when they are seen."""
    text = f"{change} {when}."
    return text[0].upper() + text[1:] if text.startswith("all") else text


def unchanged(when: str, change: Change) -> Measurement:
    """Return the measurement of a difference that must not be."""
    return at_most(f"change {when}", change.worst, 1.0, "bounds")


def raised(when: str, refusal: Refusal) -> tuple[Measurement, str]:
    """Return the measurement and the sentence for a layer that raises where it has no reason to."""
    text = f"The layer raises {when}: {str(refusal).rstrip('.')}."
    return at_most(f"passes that raise {when}", 1, 0), text
