"""Candidates: every hypothesis as a sentence and a prediction, for all groups at once or for one."""

from __future__ import annotations

import numpy as np

from nodecheck.diagnosis.gradient.entries import wrong_entries
from nodecheck.diagnosis.gradient.factors import Factor, fit_factor, scaled
from nodecheck.diagnosis.gradient.group_changes import changes_of_group
from nodecheck.diagnosis.gradient.hypotheses import Hypotheses
from nodecheck.diagnosis.gradient.match import Candidate
from nodecheck.diagnosis.gradient.matcher import Matcher
from nodecheck.diagnosis.gradient.observation import Gradients, Levels, map_levels, zeros_like
from nodecheck.diagnosis.gradient.relations import clipped_cotangent, scaled_jacobians, weight_decay
from nodecheck.numerics.constants import SMALLEST_FACTOR_MARGIN


def candidates_for_all_groups(matcher: Matcher, hypotheses: Hypotheses) -> list[Candidate]:
    """Return the candidates that predict all groups at once."""
    found = [
        Candidate(f"match {name}", levels)
        for name, levels in (hypotheses.whole | hypotheses.together).items()
    ]
    for groups in _all_or_parameters(matcher):
        found += _multiple_of_exact(matcher, hypotheses.exact, groups)
    return found + clipped_cotangent(matcher) + scaled_jacobians(matcher) + weight_decay(matcher)


def candidates_of_two_mistakes(matcher: Matcher, hypotheses: Hypotheses) -> list[Candidate]:
    """Return wrong equations whose gradients are scaled besides: all of them, or those of the parameters.

    Only by factors that have a name: a wrong equation and any number besides would be curve fitting.
    """
    found = []
    for name, levels in hypotheses.whole.items():
        for groups in _all_or_parameters(matcher):
            factor = fit_factor(matcher.observed, levels, groups, matcher.ratio)
            prediction = scaled(factor, levels, groups)
            residual = _residual(matcher, factor, prediction, groups)
            names = factor.names(matcher.fine, residual)
            if factor.is_consistent and names and (factor.fine < 0.0 or names != ["1"]):
                whose = "all are" if groups == matcher.groups else "those of the parameters are"
                words = factor.describe(matcher.fine, residual, "that")
                phrase = f"match {name}, and {whose} {words}"
                found.append(Candidate(phrase, prediction, 1, factor.weights(groups)))
    return found


def candidates_for_one_group(matcher: Matcher, hypotheses: Hypotheses, name: str) -> list[Candidate]:
    """Return the candidates for one group by itself."""
    found = [
        _zero(matcher, name),
        *_multiple_of_exact(matcher, hypotheses.exact, (name,)),
        *_ignored_cotangent(matcher, name),
    ]
    for phrase, levels in {**hypotheses.single[name], **hypotheses.whole}.items():
        found.append(Candidate(f"match {phrase}", levels))
    return found + changes_of_group(matcher, name) + wrong_entries(matcher, name)


def _all_or_parameters(matcher: Matcher) -> tuple[tuple[str, ...], ...]:
    """Return the names of all groups, and those of the parameters where they are others, and some."""
    params = tuple(name for name in matcher.groups if name != "y0")
    return tuple(groups for groups in dict.fromkeys((matcher.groups, params)) if groups)


def _multiple_of_exact(matcher: Matcher, exact: Levels, groups: tuple[str, ...]) -> list[Candidate]:
    """Return the candidate that some groups are a constant times the exact gradient, if it is constant."""
    factor = fit_factor(matcher.observed, exact, groups, matcher.ratio)
    if not factor.is_consistent:
        return []
    prediction = scaled(factor, exact, groups)
    residual = _residual(matcher, factor, prediction, groups)
    words = factor.describe(matcher.fine, residual, "the exact gradient") if factor.fine else "zero"
    return [Candidate(f"be {words}", prediction, 1, factor.weights(groups))]


def _residual(matcher: Matcher, factor: Factor, prediction: Levels, groups: tuple[str, ...]) -> float:
    """Return the residual of a fit, relative to the fitted gradient and extrapolated."""
    return matcher.compare(prediction, groups, factor.weights(groups)).limit / abs(factor.fine or 1.0)


def _zero(matcher: Matcher, name: str) -> Candidate:
    """Return the candidate that a group is zero, or tends to it."""
    phrase = "tend to zero" if np.any(matcher.observed[0][name]) else "be zero"
    return Candidate(phrase, map_levels(lambda rows: zeros_like({name: rows[name]}), matcher.observed))


def _ignored_cotangent(matcher: Matcher, name: str) -> list[Candidate]:
    """Return the candidate that a group is the same for all cotangents, if it is to rounding.

    A layer that ignores the cotangent repeats itself to rounding; "nearly" would be a fit of many numbers.
    """

    def mean(rows: Gradients) -> Gradients:
        return {name: np.broadcast_to(rows[name].mean(axis=0), rows[name].shape)}

    same = map_levels(mean, matcher.observed)
    if not matcher.compare(same, (name,)).size <= SMALLEST_FACTOR_MARGIN:
        return []
    return [Candidate("ignore the cotangent", same, freedom=same[0][name].shape[1])]
