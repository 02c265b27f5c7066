"""One diagnosis in progress: what was observed, what is exact, and what explains the difference."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from nodecheck.diagnosis.gradient.comparison import INSEPARABLE, Comparison, compare
from nodecheck.diagnosis.gradient.hypotheses import Levels
from nodecheck.diagnosis.gradient.observation import Observation, pull_back
from nodecheck.numerics import INCONSISTENT_BELOW, MAXIMUM_GROWTH, ORDER_MARGIN
from nodecheck.reference import sensitivity

# Differences this small are rounding of a thousand steps (1e3 eps = 2e-13) with a margin of 50: no step size
# or tolerance would change them, so their order is noise and says nothing.
_FLOOR = 1e-11
# The reference's own error is an estimate; a hundred times it is out of its reach.
_REFERENCE_FACTOR = 100.0
# An expansion in h whose first term is a third of the gradient or more has not begun to converge: two such
# errors may differ by any factor, and the order they seem to have is no evidence.
LARGEST = 1.0 / 3.0
# Without a second resolution a gradient counts as right if it is as near as a method of order one would be,
# 1/n_steps; without a number of steps, as near as three digits.
_ADAPTIVE_LEVEL = 1e-3
# A runner-up that is no better than the exact gradient is none: on this problem it predicts nothing.
_NOTEWORTHY = 0.9


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A prediction; ``phrase`` says in the infinitive what the gradients then do: "match X", "be zero".

    ``freedom`` is how many numbers a candidate takes from the observation itself; of those that do as well
    as each other, the one of least freedom is the better explanation.  A factor of 1/h makes the
    discretisation error grow by 1/h too; ``coarse_weights`` bring the coarse differences of such groups to
    the scale of the fine ones.
    """

    phrase: str
    levels: Levels
    freedom: int = 0
    coarse_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Match:
    """The candidates that explain some groups, which this measurement cannot separate, and the next best."""

    groups: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    residual: float
    null: float
    runner_up: Candidate | None
    runner_up_residual: float

    @property
    def phrases(self) -> tuple[str, ...]:
        """What the candidates say."""
        return tuple(candidate.phrase for candidate in self.candidates)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """What was observed at two levels, with the exact gradient; ``groups`` are those that can be compared.

    ``exact_to`` is the largest error of a right gradient where that is known: on a field on which every
    consistent method is exact.
    """

    fine: Observation
    coarse: Observation | None
    observed: Levels
    exact: Levels
    groups: tuple[str, ...]
    not_finite: tuple[str, ...]
    ratio: float
    order: int | None
    exact_to: float | None = None

    def compare(
        self, levels: Levels, groups: Sequence[str], coarse_weights: Mapping[str, float] | None = None
    ) -> Comparison:
        """Return the difference of the observation to a prediction, over some groups."""
        return compare(self.observed, levels, self.scales, groups, self.ratio, coarse_weights or {})

    @functools.cached_property
    def scales(self) -> dict[str, float]:
        """The size of each group's exact gradient, by which its differences are divided."""
        sizes = {name: float(np.linalg.norm(rows)) for name, rows in self.exact[0].items()}
        smallest = 1e-12 * (max(sizes.values()) or 1.0)  # for a group whose exact gradient is zero
        return {name: max(size, smallest) for name, size in sizes.items()}

    def predicts_change(self, candidate: Candidate, name: str) -> bool:
        """Tell whether the candidate's prediction accounts for the error of a group, or leaves it right."""
        change = np.linalg.norm(candidate.levels[0][name] - self.exact[0][name]) / self.scales[name]
        return bool(change > max(self._floor, 0.5 * self.null([name]).size))

    def null(self, groups: Sequence[str]) -> Comparison:
        """Return the difference to the exact gradient."""
        return self.compare(self.exact, groups)

    @property
    def extrapolates(self) -> bool:
        """Whether residuals mean their limits: not if the layer converges to the exact gradient."""
        return self.null(self.groups).order < INCONSISTENT_BELOW

    @property
    def wrong(self) -> tuple[str, ...]:
        """The groups that do not converge to the exact gradient, or not at the claimed order."""
        return tuple(name for name in self.groups if not self._is_right(self.null([name])))

    @property
    def is_settled(self) -> bool:
        """Whether no group leaves room for a mistake: each converges faster than mistakes of O(h) do."""
        least = 1 + ORDER_MARGIN if self.order is None else self.order - ORDER_MARGIN
        return all(
            null.size <= self._floor or (null.size <= LARGEST and null.order >= least)
            for null in (self.null([name]) for name in self.groups)
        )

    @property
    def _floor(self) -> float:
        if self.exact_to is not None:
            return self.exact_to
        return max(_FLOOR, _REFERENCE_FACTOR * sensitivity(self.fine.problem).rtol)

    def _is_right(self, null: Comparison) -> bool:
        if null.size <= self._floor:
            return True
        if self.ratio > 1.0 and null.coarse is not None:
            least = max(INCONSISTENT_BELOW, (self.order or 0) - ORDER_MARGIN)
            return null.size <= LARGEST and null.order >= least
        return null.size <= self._level or (self.fine.n_steps is None and self._follows(null))

    @property
    def _level(self) -> float:
        """The largest error that may be one of discretisation, where there is one resolution only."""
        if self.exact_to is not None:
            return self.exact_to
        return _ADAPTIVE_LEVEL if self.fine.n_steps is None else 1.0 / self.fine.n_steps

    def _follows(self, null: Comparison) -> bool:
        """Whether an error shrinks with the tolerance as it must, or, where that is not known, at all."""
        if self.coarse is None or self.coarse.tolerance is None or self.fine.tolerance is None:
            return null.halves
        least = (self.coarse.tolerance / self.fine.tolerance) ** (1.0 - MAXIMUM_GROWTH)
        return null.coarse is not None and least * null.size <= float(np.linalg.norm(null.coarse))

    def select(
        self, candidates: Sequence[Candidate], groups: tuple[str, ...], own_error: float
    ) -> Match | None:
        """Return the candidates that explain the groups, if any does."""
        null = self.null(groups)
        tried = [(each, self.compare(each.levels, groups, each.coarse_weights)) for each in candidates]

        def residual(comparison: Comparison) -> float:
            return comparison.limit if self.extrapolates else comparison.size

        tried = sorted(((c, x) for c, x in tried if np.isfinite(x.size)), key=lambda pair: residual(pair[1]))
        believed = [(c, x) for c, x in tried if x.explains(null, max(own_error, self._floor), self._level)]
        if not believed:
            return None
        limit = INSEPARABLE * max(residual(believed[0][1]), own_error, self._floor)
        tied = [c for c, x in believed if residual(x) <= limit]
        least = min(c.freedom for c in tied)
        chosen = [c for c in tied if c.freedom == least][: None if least == 0 else 1]
        others = [
            (c, x)
            for c, x in tried
            if c not in tied and c.freedom == 0 and residual(x) < _NOTEWORTHY * residual(null)
        ]
        runner_up, value = (others[0][0], residual(others[0][1])) if others else (None, np.inf)
        best = next(residual(x) for c, x in tried if c is chosen[0])
        return Match(groups, tuple(chosen), best, residual(null), runner_up, value)


def open_case(
    fine: Observation, coarse: Observation | None, order: int | None, exact_to: float | None = None
) -> Case:
    """Return the case of one or two observations of a problem."""
    ratio = 1.0
    if coarse is not None and fine.n_steps is not None and coarse.n_steps is not None:
        ratio = fine.n_steps / coarse.n_steps
        if ratio <= 1.0:
            msg = f"fine must have more steps than coarse, got {fine.n_steps} and {coarse.n_steps}; swap them"
            raise ValueError(msg)
    jacobians = {
        name: table.reshape(*fine.problem.y0.shape, -1)
        for name, table in sensitivity(fine.problem).jacobians.items()
    }
    observed = (fine.stacked(), None if coarse is None else coarse.stacked())
    exact = (
        pull_back(jacobians, fine.rows()),
        None if coarse is None else pull_back(jacobians, coarse.rows()),
    )
    arrived = [name for name in observed[0] if observed[1] is None or name in observed[1]]
    finite = tuple(
        name
        for name in arrived
        if all(np.isfinite(level[name]).all() for level in observed if level is not None)
    )
    not_finite = tuple(name for name in arrived if name not in finite)
    return Case(fine, coarse, observed, exact, finite, not_finite, ratio, order, exact_to)
