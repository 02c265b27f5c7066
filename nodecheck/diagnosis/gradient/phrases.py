"""The words of a diagnosis: symptoms first, then the cause with its residual and the runner-up."""

from __future__ import annotations

from collections.abc import Sequence

from nodecheck.diagnosis.gradient.match import Case, Match
from nodecheck.numerics import INCONSISTENT_BELOW

_MOST_NAMES = 3  # more alternatives than that are no diagnosis


def number(value: float) -> str:
    """Return two digits, without the zeros of Python's exponents: 3.1e-9."""
    return f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e+")


def join(names: Sequence[str], word: str = "and") -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def subject(case: Case, groups: Sequence[str]) -> str:
    """Return "∂L/∂W1", "∂L/∂A and ∂L/∂b", "All gradients" or "All parameter gradients"."""
    everything = tuple(case.fine.problem.groups)
    if len(groups) > 1 and set(groups) == set(everything):
        return "All gradients"
    if len(groups) > 1 and set(groups) == set(everything) - {"y0"}:
        return "All parameter gradients"
    return join([f"∂L/∂{name}" for name in groups])


def symptom(case: Case, groups: Sequence[str]) -> str:
    """Return how far some groups are from the exact gradient, whether that shrinks, and which are right."""
    nulls = [case.null([name]) for name in groups]
    sizes = sorted(null.size for null in nulls)
    low, high = number(sizes[0]), number(sizes[-1])
    size = high if low == high else f"{low} to {high}"
    many = len(groups) > 1
    are, their = ("are", "their") if many else ("is", "its")
    text = f"{subject(case, groups)} {are} off by {size} of {their} size"
    joint = case.null(groups)
    if joint.coarse is not None and case.ratio > 1.0:
        if joint.order < INCONSISTENT_BELOW:
            text += ", whatever the step"
        else:
            text += f", shrinking at order {joint.order:.1f}" + (f", not {case.order}" if case.order else "")
    others = [name for name in case.groups if name not in groups and name not in case.wrong]
    if not others:
        return text
    if len(others) > _MOST_NAMES:
        return f"{text}; the other {len(others)} gradients are right"
    return f"{text}; {join([f'∂L/∂{name}' for name in others])} {'are' if len(others) > 1 else 'is'} right"


def cause(case: Case, match: Match, *, mentioned: bool = False) -> str:
    """Return the sentence that names the cause, with its evidence; ``mentioned`` groups are "they"."""
    many = len(match.groups) > 1
    shown = match.phrases[:_MOST_NAMES]
    first, *others = shown
    words = [conjugate(first, many), *(noun(each) for each in others)]
    who = ("They" if many else "It") if mentioned else subject(case, match.groups)
    text = f"{who} {join(words, 'or')}"
    evidence = f"residual {number(match.residual)} against {number(match.null)} unexplained"
    if match.runner_up:
        evidence += f"; runner-up: {noun(match.runner_up.phrase)}, {number(match.runner_up_residual)}"
    else:
        evidence += "; no other hypothesis comes near"
    if len(match.phrases) > 1:
        evidence += "; this problem cannot tell them apart"
    return f"{text} ({evidence})."


def conjugate(phrase: str, many: bool) -> str:
    """Turn "match X", "be X" or "ignore X" into what one or many gradients do."""
    verb, rest = phrase.split(" ", 1)
    if verb == "be":
        return f"{'are' if many else 'is'} {rest}"
    endings = {"match": "matches", "ignore": "ignores"}
    return phrase if many else f"{endings[verb]} {rest}"


def noun(phrase: str) -> str:
    """Return the phrase without its verb, for lists of alternatives."""
    return phrase.split(" ", 1)[1]
