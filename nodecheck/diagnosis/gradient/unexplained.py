"""Evidence on a gradient that no hypothesis explains: the format of its numbers, the size of its error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nodecheck.diagnosis.gradient.comparison import Comparison
from nodecheck.diagnosis.gradient.experiments import format_of_cotangent
from nodecheck.diagnosis.gradient.matcher import Matcher
from nodecheck.diagnosis.gradient.phrases import number, subject
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN
from nodecheck.numerics.constants import (
    LARGEST_DISCRETISATION_ERROR,
    MOST_ADAPTIVE_STEPS,
    MOST_GROUPS_DESCRIBED,
    SMALLEST_ERROR_CONSTANT,
    SMALLEST_ERROR_DESCRIBED,
)
from nodecheck.numerics.formats import UNIT_ROUNDOFF, format_of
from nodecheck.problems import Float64
from nodecheck.results.phrases import plural, verb


def explain_rounded_gradients(matcher: Matcher) -> str:
    """Return the sentence that gradients are numbers of a lower precision, if that explains the error."""
    formats = {name: format_of(matcher.observed[0][name], matcher.fine.dtype) for name in matcher.wrong}
    coarsest = max(formats.values(), key=_roundoff)
    rounded = tuple(
        name
        for name, found in formats.items()
        if found and found == coarsest and not format_of(matcher.exact[0][name], matcher.fine.dtype)
    )
    if not rounded or not _errs_by_rounding(matcher, coarsest):
        return ""
    many = len(rounded) > 1
    alone = len(rounded) == len(matcher.wrong)
    where = "the adjoint is" if "y0" in rounded and not alone else "they are" if many else "it is"
    verb = "consist" if many else "consists"
    return f"{subject(matcher, rounded)} {verb} of {coarsest} numbers: {where} rounded to {coarsest}."


def explain_rounded_cotangent(matcher: Matcher) -> str:
    """Return the sentence that the cotangent is rounded, if the layer shows it and that explains the error.

    The error of a rounded cotangent is its unit roundoff, times how much larger the gradient of the error may
    be than that of the cotangent: as much as the steps of the layer may make it.
    """
    precision = format_of_cotangent(matcher.fine)
    if not precision or not _errs_by_rounding(matcher, precision):
        return ""
    return (
        f"For the cotangent rounded to {precision} the gradients are the same to the last bit: "
        f"the cotangent passes through {precision}."
    )


def _errs_by_rounding(matcher: Matcher, precision: str) -> bool:
    """Return True if no group errs by more than one unit roundoff per step, which rounding may amount to."""
    steps = matcher.fine.n_steps or MOST_ADAPTIVE_STEPS
    largest = max(matcher.null([name]).size for name in matcher.wrong)
    return not largest > steps * _roundoff(precision)


def _roundoff(name: str) -> float:
    return UNIT_ROUNDOFF.get(name, 0.0)


def describe_unexplained(matcher: Matcher, groups: Sequence[str]) -> str:
    """Return the evidence on groups that nothing explains."""
    null = matcher.null(groups)
    if _looks_like_a_scheme(matcher, groups):  # only if a higher order is claimed
        if not matcher.fine.evaluates:
            return (
                "Unexplained; the backward pass does not evaluate the field, so the steps are recorded and "
                "differentiated: they look like this if a part of each is detached."
            )
        return f"Unexplained; a backward scheme of order {round(null.order)} would look like this."
    worst = sorted(groups, key=lambda name: -matcher.null([name]).size)
    if matcher.null(worst[:1]).size < SMALLEST_ERROR_DESCRIBED:
        return f"Unexplained: {_small_error(matcher, null)}."
    described = "; ".join(_magnitude_and_angle(matcher, name) for name in worst[:MOST_GROUPS_DESCRIBED])
    rest = len(worst) - MOST_GROUPS_DESCRIBED
    if rest <= 0:
        return f"Unexplained: {described}."
    return f"Unexplained: {described}; {plural(rest, 'other gradient')} {verb(rest, 'is', 'are')} wrong too."


def _looks_like_a_scheme(matcher: Matcher, groups: Sequence[str]) -> bool:
    """Return True if the error is one of discretisation: of one whole order, and large enough for it."""
    null, n = matcher.null(groups), matcher.fine.n_steps
    if n is None or not INCONSISTENT_BELOW <= null.order < math.inf:
        return False
    order = round(null.order)
    alike = all(abs(matcher.null([name]).order - order) < ORDER_MARGIN for name in groups)
    whole = abs(null.order - order) < ORDER_MARGIN / 2
    return whole and alike and SMALLEST_ERROR_CONSTANT / n**order <= null.size <= LARGEST_DISCRETISATION_ERROR


def _small_error(matcher: Matcher, null: Comparison) -> str:
    """Return the size of a small error, and that no gradient has lost bits at its end."""
    text = f"an error of {number(null.size)}"
    if null.coarse_size is not None and matcher.ratio > 1.0:
        fewer = "half" if matcher.ratio == 2.0 else f"{1 / matcher.ratio:.2g} times"
        text += f", {number(null.coarse_size)} with {fewer} as many steps"
    return f"{text}; the numbers themselves are {matcher.fine.dtype}"


def _magnitude_and_angle(matcher: Matcher, name: str) -> str:
    """Return the magnitude and the angle of a gradient relative to the exact one."""
    ours, exact = matcher.observed[0][name].ravel(), matcher.exact[0][name].ravel()
    scale = float(np.linalg.norm(exact))
    if scale == 0.0:
        return f"∂L/∂{name} is {number(float(np.linalg.norm(ours)))} where the exact gradient is zero"
    ratio = float(np.linalg.norm(ours)) / scale
    return f"∂L/∂{name} has {ratio:.3g} of the exact magnitude at an angle of {_degrees(ours, exact):.1f}°"


def _degrees(a: Float64, b: Float64) -> float:
    """Return the angle between two vectors; Kahan's formula, exact for small angles too."""
    u, v = a * np.linalg.norm(b), b * np.linalg.norm(a)
    return float(np.degrees(2.0 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))
