"""From a wrong gradient to a named cause, by hypotheses that match it."""

from __future__ import annotations

import dataclasses

import numpy as np

from nodecheck.diagnosis.gradient.candidates import (
    candidates_for_all_groups,
    candidates_for_one_group,
    candidates_of_two_mistakes,
)
from nodecheck.diagnosis.gradient.experiments import run_experiments
from nodecheck.diagnosis.gradient.hypotheses import Hypotheses, make_hypotheses
from nodecheck.diagnosis.gradient.match import Candidate, Match
from nodecheck.diagnosis.gradient.matcher import Matcher, make_matcher
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.diagnosis.gradient.phrases import cause, join, noun, number, subject, symptom
from nodecheck.diagnosis.gradient.unexplained import (
    describe_unexplained,
    explain_rounded_cotangent,
    explain_rounded_gradients,
)
from nodecheck.numerics.constants import LARGEST_SHARE_FOR_A_HINT
from nodecheck.results.phrases import verb


def explain_gradient(
    fine: Observation,
    coarse: Observation | None = None,
    *,
    order: int | None = None,
    exact_to: float | None = None,
) -> str:
    """Return the cause of a wrong gradient, in one to three sentences; "" if nothing is wrong.

    Parameters
    ----------
    fine
        Gradients that the layer returned.
    coarse
        The same at fewer steps (half is best), or at a looser tolerance.  Without it a first-order layer can
        hardly be diagnosed: its discretisation error is as large as most mistakes.
    order
        Order the gradient should converge with, if claimed.  Given, slower convergence is a mistake; not
        given, convergence of order a half or more is right, unless a known mistake of O(h) explains it.
    exact_to
        Largest error, relative to a group, of a right gradient; given for fields on which every consistent
        method is exact.

    Returns
    -------
    str
        Every cause comes with its residual, that of the exact gradient ("unexplained"), and the runner-up.
        Residuals are relative to the exact gradient, in RMS over the groups; with two resolutions they are
        extrapolated (see `comparison`).
    """
    with np.errstate(all="ignore"):  # a wrong equation may escape: its prediction is dropped, not reported
        matcher = make_matcher(fine, coarse, order, exact_to)
        sentences = _explain_absent(matcher)
        if matcher.groups and not matcher.is_settled:
            sentences += _explain_wrong(matcher, make_hypotheses(fine, coarse))
    return " ".join(sentences)


def _explain_absent(matcher: Matcher) -> list[str]:
    """Return sentences on gradients that did not arrive or are no numbers."""
    sentences, missing = [], matcher.fine.missing()
    if missing:
        sentences.append(f"No gradient arrives for {join([f'∂L/∂{name}' for name in missing])}.")
    if matcher.not_finite:
        are = verb(len(matcher.not_finite), "is", "are")
        sentences.append(f"{subject(matcher, matcher.not_finite)} {are} not finite.")
    return sentences


def _explain_wrong(matcher: Matcher, hypotheses: Hypotheses) -> list[str]:
    """Return symptom and cause: one cause for all groups if there is one, else one per group."""
    whole = candidates_for_all_groups(matcher, hypotheses)
    match = matcher.select(whole, matcher.groups, hypotheses.own_error)
    if match is not None:
        return _sentences(matcher, [_narrowed(matcher, match)], ())
    if not matcher.wrong:
        return []
    rounded = explain_rounded_gradients(matcher) or explain_rounded_cotangent(matcher)
    if rounded:
        return [f"{symptom(matcher, matcher.wrong)}.", rounded]
    matches, unmatched = _match_each_group(matcher, hypotheses)
    if not unmatched:
        return _sentences(matcher, matches, ())
    pairs = candidates_of_two_mistakes(matcher, hypotheses)
    compound = matcher.select(pairs, matcher.groups, hypotheses.own_error)
    if compound is not None:
        return _sentences(matcher, [compound], ())
    hint = _nearest(matcher, whole, unmatched)
    found = [*_sentences(matcher, matches, unmatched), hint, *run_experiments(matcher.fine)]
    return [each for each in found if each]


def _nearest(matcher: Matcher, candidates: list[Candidate], groups: tuple[str, ...]) -> str:
    """Return a hint: the hypothesis that explains most of what is unexplained."""
    null = matcher.null(groups).size
    tried = [(matcher.compare(each.levels, groups).size, each) for each in candidates if each.freedom == 0]
    finite = [pair for pair in tried if np.isfinite(pair[0])]
    left, nearest = min(finite, key=lambda pair: pair[0], default=(np.inf, None))
    if nearest is None or left > LARGEST_SHARE_FOR_A_HINT * null:
        return ""
    return f"Nearest hypothesis: {noun(nearest.phrase)}, {number(left)} against {number(null)}."


def _sentences(matcher: Matcher, matches: list[Match], unmatched: tuple[str, ...]) -> list[str]:
    """Return the symptom of all groups that are named, the causes, and what is seen of the rest."""
    named = {name for match in matches for name in match.groups} | set(unmatched)
    sentences = [f"{symptom(matcher, [name for name in matcher.groups if name in named])}."]
    alone = len(matches) == 1 and not unmatched
    sentences += [cause(matcher, match, mentioned=alone) for match in matches]
    if unmatched:
        sentences.append(describe_unexplained(matcher, unmatched))
    return sentences


def _narrowed(matcher: Matcher, match: Match) -> Match:
    """Return the match, and its evidence, restricted to the groups that its hypothesis says are wrong."""
    chosen = match.candidates[0]

    def residual(candidate: Candidate, groups: tuple[str, ...]) -> float:
        return matcher.residual(matcher.compare(candidate.levels, groups, candidate.coarse_weights))

    changed = tuple(name for name in matcher.groups if matcher.predicts_change(chosen, name))
    groups = changed or match.groups  # all that it explains may be left of a larger error
    return dataclasses.replace(
        match,
        groups=groups,
        residual=residual(chosen, groups),
        null=matcher.residual(matcher.null(groups)),
        runner_up_residual=residual(match.runner_up, groups) if match.runner_up else np.inf,
    )


def _match_each_group(matcher: Matcher, hypotheses: Hypotheses) -> tuple[list[Match], tuple[str, ...]]:
    """Return one match per cause, with the groups it explains, and the groups that nothing explains."""
    found: dict[tuple[str, ...], Match] = {}
    unmatched = []
    for name in matcher.wrong:
        candidates = candidates_for_one_group(matcher, hypotheses, name)
        match = matcher.select(candidates, (name,), hypotheses.own_error)
        if match is None:
            unmatched.append(name)
        elif match.phrases in found:
            other = found[match.phrases]
            worst = max(match, other, key=lambda each: each.residual / each.null)
            found[match.phrases] = dataclasses.replace(worst, groups=(*other.groups, name))
        else:
            found[match.phrases] = match
    return list(found.values()), tuple(unmatched)
