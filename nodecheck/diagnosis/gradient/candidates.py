"""Candidates: every hypothesis as a sentence and a prediction, for all groups at once or for one."""

from __future__ import annotations

import numpy as np

from nodecheck.diagnosis.gradient.entries import wrong_entries
from nodecheck.diagnosis.gradient.factors import ROUNDING, Factor, fit_factor, scaled
from nodecheck.diagnosis.gradient.hypotheses import Hypotheses, Levels
from nodecheck.diagnosis.gradient.match import Candidate, Case
from nodecheck.diagnosis.gradient.observation import Gradients
from nodecheck.diagnosis.gradient.relations import of_cotangent, of_group, of_jacobian, of_parameters


def of_all_groups(case: Case, hypotheses: Hypotheses) -> list[Candidate]:
    """Return the candidates that predict all groups at once."""
    found = [Candidate(f"match {name}", levels) for name, levels in hypotheses.whole.items()]
    params = tuple(name for name in case.groups if name != "y0")
    for groups in dict.fromkeys((case.groups, params)):
        found += _factor(case, hypotheses.exact, groups)
    return found + of_cotangent(case) + of_jacobian(case) + of_parameters(case)


def of_two_mistakes(case: Case, hypotheses: Hypotheses) -> list[Candidate]:
    """Return wrong equations whose gradients are scaled besides: all of them, or those of the parameters.

    Only by factors that have a name: a wrong equation and any number besides would be curve fitting.
    """
    params = tuple(name for name in case.groups if name != "y0")
    found = []
    for name, levels in hypotheses.whole.items():
        for groups in dict.fromkeys((case.groups, params)):
            factor = fit_factor(case.observed, levels, groups, case.ratio)
            prediction = scaled(factor, levels, groups)
            residual = _residual(case, factor, prediction, groups)
            names = factor.names(case.fine, residual)
            if groups and factor.is_consistent and names and (factor.fine < 0.0 or names != ["1"]):
                whose = "all are" if groups == case.groups else "those of the parameters are"
                words = factor.describe(case.fine, residual, "that")
                phrase = f"match {name}, and {whose} {words}"
                found.append(Candidate(phrase, prediction, 1, factor.weights(groups)))
    return found


def _factor(case: Case, levels: Levels, groups: tuple[str, ...]) -> list[Candidate]:
    """Return the candidate that some groups are a constant times the exact gradient, if it is constant."""
    factor = fit_factor(case.observed, levels, groups, case.ratio)
    if not groups or not factor.is_consistent:
        return []
    prediction = scaled(factor, levels, groups)
    residual = _residual(case, factor, prediction, groups)
    words = factor.describe(case.fine, residual, "the exact gradient") if factor.fine else "zero"
    return [Candidate(f"be {words}", prediction, 1, factor.weights(groups))]


def _residual(case: Case, factor: Factor, prediction: Levels, groups: tuple[str, ...]) -> float:
    """Return the residual of a fit, relative to the fitted gradient and extrapolated."""
    return case.compare(prediction, groups, factor.weights(groups)).limit / abs(factor.fine or 1.0)


def of_one_group(case: Case, hypotheses: Hypotheses, name: str) -> list[Candidate]:
    """Return the candidates for one group by itself."""
    zero, constant = _constant_rows(case, name)
    found = [
        Candidate("be zero", zero),
        *_factor(case, hypotheses.exact, (name,)),
    ]
    # A layer that ignores the cotangent repeats itself to rounding; "nearly" would be a fit of many numbers.
    if case.compare(constant, (name,)).size <= ROUNDING:
        found.append(Candidate("ignore the cotangent", constant, freedom=zero[0][name].shape[1]))
    for phrase, levels in {**hypotheses.single[name], **hypotheses.whole}.items():
        found.append(Candidate(f"match {phrase}", levels))
    return found + of_group(case, name) + wrong_entries(case, name)


def _constant_rows(case: Case, name: str) -> tuple[Levels, Levels]:
    """Return zeros, and the mean over the cotangents, as predictions of one group."""
    fine, coarse = case.observed

    def zero(rows: Gradients) -> Gradients:
        return {name: np.zeros_like(rows[name])}

    def mean(rows: Gradients) -> Gradients:
        return {name: np.broadcast_to(rows[name].mean(axis=0), rows[name].shape)}

    return (
        (zero(fine), None if coarse is None else zero(coarse)),
        (mean(fine), None if coarse is None else mean(coarse)),
    )
