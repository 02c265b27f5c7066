"""Observed gradients beside the exact ones, and the choice of the candidates that explain the difference."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from nodecheck.diagnosis.gradient.comparison import Comparison, compare
from nodecheck.diagnosis.gradient.match import Candidate, Match
from nodecheck.diagnosis.gradient.observation import (
    Levels,
    Observation,
    exact_jacobians,
    map_levels,
    pull_back_levels,
    zeros_like,
)
from nodecheck.numerics import FLOOR_FACTOR, INCONSISTENT_BELOW, MAXIMUM_GROWTH, ORDER_MARGIN
from nodecheck.numerics.constants import (
    ACCOUNTED_SHARE,
    ADAPTIVE_ERROR_LEVEL,
    BELIEVED_IF_NEARER_BY,
    GRADIENT_FLOOR,
    INSEPARABLE_RESIDUALS,
    LARGEST_DISCRETISATION_ERROR,
    NOTEWORTHY_RUNNER_UP,
    REFERENCE_ERROR_FACTOR,
    SMALLEST_GRADIENT_SCALE,
)
from nodecheck.reference import sensitivity


@dataclasses.dataclass(frozen=True, eq=False)
class Matcher:
    """Gradients of a layer at one or two levels, which are compared with the exact ones and with predictions.

    Attributes
    ----------
    fine, coarse
        Observations; ``coarse`` may be None.
    observed, exact
        Gradients that arrived, and the exact ones.
    groups
        Names of the groups that can be compared: those that arrived and are finite.
    not_finite
        Names of the groups that arrived and are not finite.
    ratio
        Steps of the fine level over those of the coarse one; 1 if not known.
    order
        Claimed order, if any.
    exact_to
        Largest relative error of a right gradient, where that is known: on a field on which every consistent
        method is exact.
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

    def null(self, groups: Sequence[str]) -> Comparison:
        """Return the difference to the exact gradient, which is the null hypothesis."""
        return self.compare(self.exact, groups)

    def residual(self, comparison: Comparison) -> float:
        """Return the error of a prediction: the limit, unless the layer converges to the exact gradient."""
        return comparison.limit if self._extrapolates else comparison.size

    @functools.cached_property
    def scales(self) -> dict[str, float]:
        """Size of each group's exact gradient, by which its differences are divided."""
        sizes = {name: float(np.linalg.norm(rows)) for name, rows in self.exact[0].items()}
        smallest = SMALLEST_GRADIENT_SCALE * (max(sizes.values()) or 1.0)
        return {name: max(size, smallest) for name, size in sizes.items()}

    def predicts_change(self, candidate: Candidate, name: str) -> bool:
        """Return True if a prediction accounts for the error of a group, False if it leaves it right."""
        change = np.linalg.norm(candidate.levels[0][name] - self.exact[0][name]) / self.scales[name]
        return bool(change > max(self._floor, ACCOUNTED_SHARE * self.null([name]).size))

    @property
    def wrong(self) -> tuple[str, ...]:
        """Names of the groups that do not converge to the exact gradient, or not at the claimed order."""
        return tuple(name for name in self.groups if not self._is_right(self.null([name])))

    @property
    def is_settled(self) -> bool:
        """True if no group leaves room for a mistake: each converges faster than mistakes of O(h) do."""
        least = 1 + ORDER_MARGIN if self.order is None else self.order - ORDER_MARGIN
        return all(
            null.size <= self._floor or _is_of_order(null, least)
            for null in (self.null([name]) for name in self.groups)
        )

    @functools.cached_property
    def _extrapolates(self) -> bool:
        """True if the layer does not converge to the exact gradient."""
        return self.null(self.groups).order < INCONSISTENT_BELOW

    @functools.cached_property
    def _floor(self) -> float:
        """Largest error that is rounding, of the layer or of the reference."""
        if self.exact_to is not None:
            return self.exact_to
        return max(GRADIENT_FLOOR, REFERENCE_ERROR_FACTOR * sensitivity(self.fine.problem).rtol)

    @property
    def _level(self) -> float:
        """Largest error that may be one of discretisation, where there is one resolution only.

        That of a method of order one, 1/n_steps; of an adaptive layer, a few digits.
        """
        if self.exact_to is not None:
            return self.exact_to
        return ADAPTIVE_ERROR_LEVEL if self.fine.n_steps is None else 1.0 / self.fine.n_steps

    def _is_right(self, null: Comparison) -> bool:
        if null.size <= self._floor:
            return True
        if self.ratio > 1.0 and null.coarse is not None:
            return _is_of_order(null, max(INCONSISTENT_BELOW, (self.order or 0) - ORDER_MARGIN))
        return null.size <= self._level or (self.fine.n_steps is None and self._follows_tolerance(null))

    def _follows_tolerance(self, null: Comparison) -> bool:
        """Return True if an error shrinks with the tolerance as it must, or, if that is not known, at all."""
        if self.coarse is None or self.coarse.tolerance is None or self.fine.tolerance is None:
            return null.clearly_shrinks
        least = (self.coarse.tolerance / self.fine.tolerance) ** (1.0 - MAXIMUM_GROWTH)
        return null.coarse_size is not None and least * null.size <= null.coarse_size

    def select(
        self, candidates: Sequence[Candidate], groups: tuple[str, ...], own_error: float
    ) -> Match | None:
        """Return the candidates that explain the groups, if any does."""
        null, error = self.null(groups), max(own_error, self._floor, self.fine.rounding)
        settled = max(error, FLOOR_FACTOR * self.fine.rounding)
        compared = [(each, self.compare(each.levels, groups, each.coarse_weights)) for each in candidates]
        tried = [(self.residual(x), c, x) for c, x in compared if np.isfinite(x.size)]
        tried.sort(key=lambda each: each[0])
        believed = [
            (residual, c)
            for residual, c, x in tried
            if x.explains(null, settled, self._level) and self._is_more_than_small(c, x, groups)
        ]
        if not believed:
            return None
        limit = INSEPARABLE_RESIDUALS * max(believed[0][0], error)
        tied = [(residual, c) for residual, c in believed if residual <= limit]
        least = min(c.freedom for _, c in tied)
        chosen = [(residual, c) for residual, c in tied if c.freedom == least][: None if least == 0 else 1]
        noteworthy = NOTEWORTHY_RUNNER_UP * self.residual(null)
        others = [
            (residual, c)
            for residual, c, _ in tried
            if residual < noteworthy and c.freedom == 0 and all(c is not other for _, other in tied)
        ]
        value, runner_up = others[0] if others else (np.inf, None)
        matched = tuple(c for _, c in chosen)
        return Match(groups, matched, chosen[0][0], self.residual(null), runner_up, value)

    def _is_more_than_small(self, candidate: Candidate, found: Comparison, groups: tuple[str, ...]) -> bool:
        """Return True if a prediction explains gradients near zero better than zeros do, or is zero itself.

        Beside the exact gradient everything that is small is near everything else that is small.
        """
        nothing = self.compare(map_levels(zeros_like, self.observed), groups)
        if nothing.size * BELIEVED_IF_NEARER_BY > self.null(groups).size:
            return True
        is_zero = not any(np.any(candidate.levels[0][name]) for name in groups)
        return is_zero or found.size * BELIEVED_IF_NEARER_BY <= nothing.size


def _is_of_order(null: Comparison, least: float) -> bool:
    """Return True if an error is one of discretisation and shrinks at this order at least."""
    return null.size <= LARGEST_DISCRETISATION_ERROR and null.order >= least


def make_matcher(
    fine: Observation, coarse: Observation | None, order: int | None, exact_to: float | None = None
) -> Matcher:
    """Return the matcher of one or two observations of a problem."""
    observed = (fine.stacked(), None if coarse is None else coarse.stacked())
    exact = pull_back_levels(exact_jacobians(fine.problem), fine, coarse)
    arrived = [name for name in observed[0] if observed[1] is None or name in observed[1]]
    finite = tuple(
        name
        for name in arrived
        if all(np.isfinite(level[name]).all() for level in observed if level is not None)
    )
    not_finite = tuple(name for name in arrived if name not in finite)
    ratio = _ratio_of_steps(fine, coarse)
    return Matcher(fine, coarse, observed, exact, finite, not_finite, ratio, order, exact_to)


def _ratio_of_steps(fine: Observation, coarse: Observation | None) -> float:
    """Return the steps of the fine level over those of the coarse one; 1 if not known."""
    if coarse is None or fine.n_steps is None or coarse.n_steps is None:
        return 1.0
    if fine.n_steps <= coarse.n_steps:
        msg = f"fine must have more steps than coarse, got {fine.n_steps} and {coarse.n_steps}; swap them"
        raise ValueError(msg)
    return fine.n_steps / coarse.n_steps
