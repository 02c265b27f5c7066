"""From a wrong gradient to a named cause, by matching hypotheses."""

from __future__ import annotations

import dataclasses

import numpy as np

from nodecheck.diagnosis.gradient.candidates import of_all_groups, of_one_group, of_two_mistakes
from nodecheck.diagnosis.gradient.experiments import experiment
from nodecheck.diagnosis.gradient.hypotheses import Hypotheses, make_hypotheses
from nodecheck.diagnosis.gradient.match import Candidate, Case, Match, open_case
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.diagnosis.gradient.phrases import cause, join, noun, number, subject, symptom
from nodecheck.diagnosis.gradient.unexplained import of_rounded_cotangent, of_rounding, unexplained

# A hypothesis that leaves a fifth of the error or less says where to look, and no more.
_HINT = 0.2


def explain_gradient(
    fine: Observation,
    coarse: Observation | None = None,
    *,
    order: int | None = None,
    exact_to: float | None = None,
) -> str:
    """Return what is wrong with a gradient, in one to three sentences; "" if nothing is.

    Parameters
    ----------
    fine
        What the layer returned.
    coarse
        The same at fewer steps (half is best), or at a looser tolerance.  Without it a first-order layer can
        hardly be diagnosed: its discretisation error is as large as most mistakes.
    order
        Order the gradient should converge with, if claimed.  Given, slower convergence is a mistake; not
        given, convergence of order a half or more is right, unless a known mistake of O(h) explains it.
    exact_to
        Largest error, relative to a group, of a right gradient; given for fields on which every consistent
        method is exact.

    Notes
    -----
    Every statement comes with its residual, that of the exact gradient ("unexplained"), and the runner-up.
    Residuals are relative to the exact gradient, in RMS over the groups; with two resolutions they are
    extrapolated (see `comparison`).
    """
    with np.errstate(all="ignore"):  # a wrong equation may escape: its prediction is dropped, not reported
        case = open_case(fine, coarse, order, exact_to)
        sentences = _of_absent(case, fine)
        if case.groups and not case.is_settled:
            sentences += _of_wrong(case, make_hypotheses(fine, coarse))
    return " ".join(sentences)


def _of_absent(case: Case, fine: Observation) -> list[str]:
    """Return sentences on gradients that did not arrive or are no numbers."""
    sentences = []
    if fine.missing():
        sentences.append(f"No gradient arrives for {join([f'∂L/∂{name}' for name in fine.missing()])}.")
    if case.not_finite:
        plural = len(case.not_finite) > 1
        sentences.append(f"{subject(case, case.not_finite)} {'are' if plural else 'is'} not finite.")
    return sentences


def _of_wrong(case: Case, hypotheses: Hypotheses) -> list[str]:
    """Return symptom and cause: one cause for all groups if there is one, else one per group."""
    whole = of_all_groups(case, hypotheses)
    match = case.select(whole, case.groups, hypotheses.own_error)
    if match is not None:
        return _sentences(case, [_narrowed(case, match)], ())
    if not case.wrong:
        return []
    rounded = of_rounding(case) or of_rounded_cotangent(case)
    if rounded:
        return [f"{symptom(case, case.wrong)}.", rounded]
    matches, open_groups = _group_by_group(case, hypotheses)
    if open_groups:
        compound = case.select(of_two_mistakes(case, hypotheses), case.groups, hypotheses.own_error)
        if compound is not None:
            return _sentences(case, [compound], ())
    sentences = _sentences(case, matches, open_groups)
    if open_groups:
        sentences += [_nearest(case, whole, open_groups), *experiment(case.fine)]
    return [each for each in sentences if each]


def _nearest(case: Case, candidates: list[Candidate], groups: tuple[str, ...]) -> str:
    """Return a hint: the hypothesis that explains most of what is unexplained."""
    null = case.null(groups).size
    tried = [(case.compare(each.levels, groups).size, each) for each in candidates if each.freedom == 0]
    finite = [pair for pair in tried if np.isfinite(pair[0])]
    left, nearest = min(finite, key=lambda pair: pair[0])
    if left > _HINT * null:
        return ""
    return f"Nearest hypothesis: {noun(nearest.phrase)}, {number(left)} against {number(null)}."


def _sentences(case: Case, matches: list[Match], open_groups: tuple[str, ...]) -> list[str]:
    named = {name for match in matches for name in match.groups} | set(open_groups)
    sentences = [f"{symptom(case, [name for name in case.groups if name in named])}."]
    alone = len(matches) == 1 and not open_groups
    sentences += [cause(case, match, mentioned=alone) for match in matches]
    if open_groups:
        sentences.append(unexplained(case, open_groups))
    return sentences


def _narrowed(case: Case, match: Match) -> Match:
    """Return the match, and its evidence, restricted to the groups that its hypothesis says are wrong."""
    chosen = match.candidates[0]

    def residual(candidate: Candidate, groups: tuple[str, ...]) -> float:
        found = case.compare(candidate.levels, groups, candidate.coarse_weights)
        return found.limit if case.extrapolates else found.size

    groups = tuple(name for name in case.groups if case.predicts_change(chosen, name))
    null = case.null(groups)
    return dataclasses.replace(
        match,
        groups=groups,
        residual=residual(chosen, groups),
        null=null.limit if case.extrapolates else null.size,
        runner_up_residual=residual(match.runner_up, groups) if match.runner_up else np.inf,
    )


def _group_by_group(case: Case, hypotheses: Hypotheses) -> tuple[list[Match], tuple[str, ...]]:
    """Return one match per cause, with the groups it explains, and the groups that nothing explains."""
    found: dict[tuple[str, ...], Match] = {}
    unexplained = []
    for name in case.wrong:
        match = case.select(of_one_group(case, hypotheses, name), (name,), hypotheses.own_error)
        if match is None:
            unexplained.append(name)
        elif match.phrases in found:
            other = found[match.phrases]
            worst = max(match, other, key=lambda each: each.residual / each.null)
            found[match.phrases] = dataclasses.replace(worst, groups=(*other.groups, name))
        else:
            found[match.phrases] = match
    return list(found.values()), tuple(unexplained)
