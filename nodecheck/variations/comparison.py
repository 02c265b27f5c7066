"""Whether two answers of a layer are the same: to rounding, or to the tolerance of an adaptive layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.backends.torch.uses import PLAIN, Answer
from nodecheck.checks.contract.passes import largest_entry
from nodecheck.layers import Array, LayerUnderTest
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.numerics import EPS, MAXIMUM_GROWTH, TOLERANCE_FACTOR, fit_growth, roundoff
from nodecheck.problems import Problem
from nodecheck.results import Measurement, at_most

_N_STEPS, _TOLERANCE = 4, 1e-4
_HALF_OF_THE_DIGITS = math.sqrt(EPS)
_SWEEP = (1e-3, 1e-4, 1e-5)


@dataclass(frozen=True)
class Change:
    """By how much y1 and the gradients differ from those of another answer.

    Attributes
    ----------
    excess
        In units of what they may; infinite if a gradient did not arrive.
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
        """The largest change in units of its bound, NaN among them."""
        return float(np.max(list(self.excess.values())))

    def __str__(self) -> str:
        off = [name for name, excess in self.excess.items() if not excess <= 1 and name not in self.missing]
        sizes = [f"{self.relative[name]:.2g}" for name in sorted(off, key=self.relative.__getitem__)]
        parts = [self._listed(self.missing, "missing")] if self.missing else []
        if off:
            amount = sizes[0] if sizes[0] == sizes[-1] else f"{sizes[0]} to {sizes[-1]}"
            parts.append(self._listed(off, f"off by {amount} of {'its' if len(off) == 1 else 'their'} size"))
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


def resolution_of(layer: LayerUnderTest) -> float:
    """Return few steps, or a tolerance that costs few."""
    return _TOLERANCE if layer.adaptive else _N_STEPS


def plain_answer(
    layer: LayerUnderTest, problem: Problem, cotangent: Array, resolution: float | None = None
) -> Answer:
    """Return y1 and all gradients."""
    return PLAIN.answer(layer.claims, problem, resolution or resolution_of(layer), cotangent)


def change(
    layer: LayerUnderTest,
    problem: Problem,
    answer: Answer,
    expected: Answer,
    roundings: float = 1.0,
    tolerance: float = _TOLERANCE,
) -> Change:
    """Return how an answer differs from the expected one, in the groups that both should have.

    Sums over the parameters or over the state may be taken in another order, and where a layer takes
    derivatives by differences, what is rounded then shows in half of the digits.  `roundings` says how many
    times more may be rounded away than in an ordinary pass, `tolerance` is what an adaptive layer was given.
    """
    pairs: dict[str, tuple[Array | None, Array]] = {"y1": (answer.y1, expected.y1)}
    for name, gradient in answer.gradients.items():
        exact = expected.gradients[name]
        if exact is not None:  # else it is missing always, which is another check
            pairs[f"∂L/∂{name}"] = (gradient, exact)
    widest = max(problem.y0.size, *(value.size for value in problem.params.values()))
    bound = roundings * max(_HALF_OF_THE_DIGITS, roundoff(max(1, expected.evaluations) * widest))
    if layer.adaptive:
        bound = max(bound, TOLERANCE_FACTOR * tolerance)
    scales = {"y1": largest_entry(expected.y1)}
    largest = max(map(largest_entry, expected.gradients.values()))
    changes = {name: _distance(*pair) for name, pair in pairs.items()}
    excess = {name: d / (bound * max(1.0, scales.get(name, largest))) for name, d in changes.items()}
    relative = {name: d / (largest_entry(pairs[name][1]) or 1.0) for name, d in changes.items()}
    zero = [name for name, (value, _) in pairs.items() if name != "y1" and largest_entry(value) == 0]
    return Change(excess, relative, tuple(name for name in zero if excess[name] > 1))


def _distance(value: Array | None, exact: Array) -> float:
    return np.inf if value is None else float(np.max(np.abs(value - exact)))


def compare(
    words: str,
    layer: LayerUnderTest,
    problem: Problem,
    cotangent: Array,
    expected: Callable[[float], Answer],
    roundings: float = 1.0,
) -> tuple[Measurement, str]:
    """Return the measurement of how the answer to a problem differs from the expected one, and a sentence.

    An adaptive layer of low order may exceed its tolerance by much.  If it does, the change has to shrink
    with the tolerance.
    """

    def found(resolution: float) -> Change:
        answer = plain_answer(layer, problem, cotangent, resolution)
        return change(layer, problem, answer, expected(resolution), roundings)

    outcome = attempt(lambda: found(resolution_of(layer)))
    if isinstance(outcome, Refusal):
        return raised(words, outcome)
    measurement = unchanged(words, outcome)
    if layer.adaptive and not measurement.holds and math.isfinite(outcome.worst):
        growth = fit_growth(_SWEEP, [found(tol).worst for tol in _SWEEP], EPS)
        name = f"growth exponent of the change {words} over the tolerance"
        measurement = at_most(name, 0.0 if math.isnan(growth) else growth, MAXIMUM_GROWTH)
    return measurement, "" if measurement.holds else sentence(outcome, words)


def sentence(found: Change, words: str) -> str:
    """Return what differs, and when."""
    text = f"{found} {words}."
    return text[0].upper() + text[1:] if text.startswith("all") else text


def unchanged(words: str, found: Change) -> Measurement:
    """Return the measurement of a change that must not be."""
    return at_most(f"change {words}", found.worst, 1.0, "bounds")


def raised(words: str, refusal: Refusal) -> tuple[Measurement, str]:
    """Return what to say of a layer that raises where it has no reason to."""
    return at_most(
        f"passes that raise {words}", 1, 0
    ), f"The layer raises {words}: {str(refusal).rstrip('.')}."
