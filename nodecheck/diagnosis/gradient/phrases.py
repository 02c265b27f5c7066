"""Words of a diagnosis: symptoms first, then the cause with its residual and the runner-up."""

from __future__ import annotations

from collections.abc import Sequence

from nodecheck.diagnosis.gradient.match import Match
from nodecheck.diagnosis.gradient.matcher import Matcher
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN
from nodecheck.numerics.constants import MOST_ALTERNATIVES_NAMED
from nodecheck.results.phrases import in_per_cent, verb


def number(value: float) -> str:
    """Return two digits, without the zeros of Python's exponents: 3.1e-9."""
    return f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e+")


def join(names: Sequence[str], word: str = "and") -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def subject(matcher: Matcher, groups: Sequence[str]) -> str:
    """Return "∂L/∂W1", "∂L/∂A and ∂L/∂b", "All gradients" or "All parameter gradients"."""
    everything = tuple(matcher.fine.problem.groups)
    if len(groups) > 1 and set(groups) == set(everything):
        return "All gradients"
    if len(groups) > 1 and set(groups) == set(everything) - {"y0"}:
        return "All parameter gradients"
    return join([f"∂L/∂{name}" for name in groups])


def symptom(matcher: Matcher, groups: Sequence[str]) -> str:
    """Return the error of some groups, the order with which it shrinks, and the groups that are right."""
    nulls = [matcher.null([name]) for name in groups]
    sizes = sorted(null.size for null in nulls)
    are, their = ("are", "their") if len(groups) > 1 else ("is", "its")
    text = f"{subject(matcher, groups)} {are} off by {in_per_cent(sizes[0], sizes[-1], their)}"
    joint = matcher.null(groups)
    if joint.coarse is not None and matcher.ratio > 1.0:
        if joint.order < INCONSISTENT_BELOW:
            text += ", whatever the step"
        else:
            text += f" with {matcher.fine.n_steps} steps" if matcher.fine.n_steps is not None else ""
            text += f", shrinking at order {joint.order:.1f}"
            slower = matcher.order is not None and joint.order < matcher.order - ORDER_MARGIN
            text += f", not {matcher.order}" if slower else ""
    others = [name for name in matcher.groups if name not in groups and name not in matcher.wrong]
    if not others:
        return text
    if len(others) > MOST_ALTERNATIVES_NAMED:
        return f"{text}; the other {len(others)} gradients are right"
    return f"{text}; {join([f'∂L/∂{name}' for name in others])} {verb(len(others), 'is', 'are')} right"


def cause(matcher: Matcher, match: Match, *, mentioned: bool = False) -> str:
    """Return the sentence that names the cause, with its evidence; ``mentioned`` groups are "they"."""
    many = len(match.groups) > 1
    shown = match.phrases[:MOST_ALTERNATIVES_NAMED]
    first, *others = shown
    words = [conjugate(first, many), *(noun(each) for each in others)]
    who = ("They" if many else "It") if mentioned else subject(matcher, match.groups)
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
    """Return "match X", "be X", "ignore X" or "tend to X" in the form for one or for many gradients."""
    verb, rest = phrase.split(" ", 1)
    if verb == "be":
        return f"{'are' if many else 'is'} {rest}"
    endings = {"match": "matches", "ignore": "ignores", "tend": "tends"}
    return phrase if many else f"{endings[verb]} {rest}"


def noun(phrase: str) -> str:
    """Return the phrase without its verb, for lists of alternatives."""
    return phrase.split(" ", 1)[1].removeprefix("to ")
