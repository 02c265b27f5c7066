"""What is known of a gradient that no hypothesis explains: what its numbers are, how its error behaves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nodecheck.diagnosis.gradient.comparison import Comparison
from nodecheck.diagnosis.gradient.experiments import format_of_cotangent
from nodecheck.diagnosis.gradient.match import LARGEST, Case
from nodecheck.diagnosis.gradient.phrases import number, subject
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN
from nodecheck.numerics.formats import UNIT_ROUNDOFF, format_of
from nodecheck.problems import Float64

# Of one group each sentence says two things: more than two groups are not read.
_MOST_DESCRIBED = 2
# A magnitude is told in three digits, an angle in tenths of a degree.  An error below is neither.
_SMALLEST_SHOWN = 1e-3
# The error constants of methods in use, relative to (1/n)^p on intervals of some time scales, lie above this.
_SMALLEST_CONSTANT = 1e-3
_STEPS_OF_ADAPTIVE = 1000  # at most, where the number of steps is not known


def of_rounding(case: Case) -> str:
    """Return the sentence that gradients consist of numbers of a lower precision, if that explains the error.

    Rounding in each step errs by at most one unit roundoff per step, and more is not explained by it.
    """
    steps = case.fine.n_steps or _STEPS_OF_ADAPTIVE
    formats = {name: format_of(case.observed[0][name]) for name in case.wrong}
    coarse = {
        name: found
        for name, found in formats.items()
        if found and not format_of(case.exact[0][name]) and found == max(formats.values(), key=_roundoff)
    }
    if not coarse:
        return ""
    precision = next(iter(coarse.values()))
    if max(case.null([name]).size for name in case.wrong) > steps * _roundoff(precision):
        return ""
    alone = len(coarse) == len(case.wrong)
    where = "the adjoint is" if "y0" in coarse and not alone else "they are" if len(coarse) > 1 else "it is"
    verb = "consist" if len(coarse) > 1 else "consists"
    return f"{subject(case, tuple(coarse))} {verb} of {precision} numbers: {where} rounded to {precision}."


def of_rounded_cotangent(case: Case) -> str:
    """Return the sentence that the cotangent is rounded, if the layer shows it and the error is no larger.

    The error of a rounded cotangent is its unit roundoff, times how much larger the gradient of the error may
    be than that of the cotangent: as much as the steps of the layer may make it.
    """
    precision = format_of_cotangent(case.fine)
    steps = case.fine.n_steps or _STEPS_OF_ADAPTIVE
    if not precision or max(case.null([name]).size for name in case.wrong) > steps * _roundoff(precision):
        return ""
    return (
        f"For the cotangent rounded to {precision} the gradients are the same to the last bit: "
        f"the cotangent passes through {precision}."
    )


def _roundoff(name: str) -> float:
    return UNIT_ROUNDOFF.get(name, 0.0)


def unexplained(case: Case, groups: Sequence[str]) -> str:
    """Return what is seen of groups that nothing explains."""
    null = case.null(groups)
    if _looks_like_a_scheme(case, groups):  # only if a higher order is claimed
        if not case.fine.evaluates:
            return (
                "Unexplained; steps that are recorded and differentiated, as the backward pass does not "
                "evaluate the field, look like this if a part of each is detached."
            )
        return f"Unexplained; a backward scheme of order {round(null.order)} would look like this."
    worst = sorted(groups, key=lambda name: -case.null([name]).size)
    if case.null(worst[:1]).size < _SMALLEST_SHOWN:
        return f"Unexplained: {_small(case, null)}."
    described = "; ".join(_geometry(case, name) for name in worst[:_MOST_DESCRIBED])
    rest = len(worst) - _MOST_DESCRIBED
    return f"Unexplained: {described}" + (f"; {rest} other gradients are wrong too." if rest > 0 else ".")


def _looks_like_a_scheme(case: Case, groups: Sequence[str]) -> bool:
    """Tell whether the error is one of discretisation: of one whole order, and large enough for it."""
    null, n = case.null(groups), case.fine.n_steps
    if n is None or not INCONSISTENT_BELOW <= null.order < math.inf:
        return False
    order = round(null.order)
    alike = all(abs(case.null([name]).order - order) < ORDER_MARGIN for name in groups)
    whole = abs(null.order - order) < ORDER_MARGIN / 2
    return whole and alike and _SMALLEST_CONSTANT / n**order <= null.size <= LARGEST


def _small(case: Case, null: Comparison) -> str:
    """Return what is known of a small error: its size, and that no gradient has lost bits at its end."""
    text = f"an error of {number(null.size)}"
    if null.coarse is not None and case.ratio > 1.0:
        fewer = "half" if case.ratio == 2.0 else f"{1 / case.ratio:.2g} times"
        text += f", {number(float(np.linalg.norm(null.coarse)))} with {fewer} as many steps"
    return f"{text}; the numbers themselves are float64"


def _geometry(case: Case, name: str) -> str:
    """Return the magnitude and the angle of a gradient relative to the exact one."""
    ours, exact = case.observed[0][name].ravel(), case.exact[0][name].ravel()
    scale = float(np.linalg.norm(exact))
    if scale == 0.0:
        return f"∂L/∂{name} is {number(float(np.linalg.norm(ours)))} where the exact gradient is zero"
    ratio = float(np.linalg.norm(ours)) / scale
    return f"∂L/∂{name} has {ratio:.3g} of the exact magnitude at an angle of {_degrees(ours, exact):.1f}°"


def _degrees(a: Float64, b: Float64) -> float:
    """Return the angle between two vectors; Kahan's formula, exact for small angles too."""
    u, v = a * np.linalg.norm(b), b * np.linalg.norm(a)
    return float(np.degrees(2.0 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))
