"""Causes of a wrong gradient with respect to times."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from nodecheck.diagnosis.outputs.time_terms import Terms, of_outputs, of_start, terms_of, with_detached
from nodecheck.layers import Array, LayerUnderTest, Refusal
from nodecheck.measure.time_gradients import exact_gradient_of_times, gradient_of_times
from nodecheck.numerics import rms
from nodecheck.numerics.constants import CLEAR_JUMP, EXPLAINED_SHARE, INSEPARABLE_RESIDUALS
from nodecheck.problems import Problem
from nodecheck.results.phrases import in_per_cent

_SHAPE = re.compile(r"invalid gradient .*got (\[[\d, ]*\]).*compatible with (\[[\d, ]*\])", re.DOTALL)


def explain_refusal(refusal: Refusal) -> str:
    """Return the error of a layer whose times require a gradient, and what it means if its shape is wrong."""
    shapes = _SHAPE.search(str(refusal.error))
    if shapes is None:
        return str(refusal)
    return (
        f"The gradient of a time has the shape {shapes[1]}, not {shapes[2]}: an axis of the state is left in "
        f"it.  One time belongs to all members and components: sum over them."
    )


def explain_times(layer: LayerUnderTest, problem: Problem, resolution: float) -> str:
    """Return for t0, and for the other times, what makes up the gradient that arrived.

    Each hypothesis is a gradient that is computed from the reference: with another field or factor, or a
    multiple of the exact one.
    """
    found = gradient_of_times(layer, problem, resolution)
    exact = exact_gradient_of_times(layer, problem)
    if not np.isfinite(found).all():
        return f"{int(np.sum(~np.isfinite(found)))} of {found.size} gradients of times are NaN or infinite."
    terms = terms_of(layer, problem)
    parts = {"start": slice(0, 1), "others": slice(1, None)}
    hypotheses = {"start": dict(of_start(terms, exact)), "others": dict(of_outputs(terms, exact))}
    causes = {
        name: _nearest(found[:, part], exact[:, part], hypotheses[name], terms)
        for name, part in parts.items()
    }
    left = math.sqrt(sum(cause.left**2 * found[:, parts[name]].size for name, cause in causes.items()))
    if words := _of_all(found, exact, terms, left / math.sqrt(found.size)):
        return words
    least = EXPLAINED_SHARE * rms(found - exact)
    return _sentences({name: cause for name, cause in causes.items() if cause.error > least}, problem)


@dataclass(frozen=True)
class _Cause:
    """The hypothesis that is nearest to a part of the gradient.

    Attributes
    ----------
    words
        What is wrong, as a predicate.
    error, left
        Distances of the part to the exact gradient and to the hypothesis, in RMS.
    """

    words: str
    error: float
    left: float


def _nearest(found: Array, exact: Array, hypotheses: dict[str, Array], terms: Terms) -> _Cause:
    """Return the nearest hypothesis, or that none is clearly nearer than the exact gradient."""
    error = rms(found - exact)
    factor = float(np.vdot(exact, found) / np.vdot(exact, exact))
    left = {words: rms(found - value) for words, value in hypotheses.items()}
    left[_multiple(factor, terms)] = rms(found - factor * exact)
    words = min(left, key=lambda name: left[name])
    if INSEPARABLE_RESIDUALS * left[words] <= error:
        return _Cause(words, error, left[words])
    unknown = f"is off by {in_per_cent(error / rms(exact))}, and no usual mistake explains it"
    return _Cause(unknown, error, error)


def _of_all(found: Array, exact: Array, terms: Terms, left: float) -> str:
    """Return the mistake in the gradient of all times, if one is clearly nearer than those of the parts."""
    places, sizes = with_detached(terms, exact)
    numbers = "are numbers, as float(t) or t.item() makes them.  Compute them from the tensors, too."
    hypotheses = {
        f"The gradient of times is that of the step sizes alone: the times of the stages {numbers}": places,
        f"The gradient of times is that of the times of the stages alone: step sizes {numbers}": sizes,
    }
    if len(terms.ts) > 2:
        words = "The gradients of ts arrive in reverse order: that of the first time at the last one."
        hypotheses[words] = exact[:, ::-1]
    distances = {words: rms(found - value) for words, value in hypotheses.items()}
    words = min(distances, key=lambda name: distances[name])
    clear = INSEPARABLE_RESIDUALS * distances[words] <= min(left, rms(found - exact))
    return words if clear else ""


def _sentences(wrong: dict[str, _Cause], problem: Problem) -> str:
    """Return a sentence for each part that is wrong, or one for both if they are wrong in the same way."""
    names = {"start": "∂L/∂ts[0]", "others": "∂L/∂ts[1:]"} if problem.ts else {}
    names = names or {"start": "∂L/∂t0", "others": "∂L/∂t1"}
    words = {cause.words for cause in wrong.values()}
    if len(wrong) == 2 and len(words) == 1:
        return f"{'∂L/∂ts' if problem.ts else 'Each of ∂L/∂t0 and ∂L/∂t1'} {words.pop()}."
    return "  ".join(f"{names[name]} {cause.words}." for name, cause in wrong.items())


def _multiple(factor: float, terms: Terms) -> str:
    """Return in words that a gradient is a multiple of the exact one."""
    batch, size = terms.states.shape[1:]
    if abs(factor) <= CLEAR_JUMP * CLEAR_JUMP:
        return "is zero: a gradient that is not supported must be None, or an error"
    if abs(factor + 1) <= CLEAR_JUMP:
        return "has the wrong sign"
    parts = {batch: "the batch", batch * size: "batch and components"}
    for count, words in parts.items():
        if abs(factor * count - 1) <= CLEAR_JUMP:
            return f"is 1/{count} of what it should be: the mean over {words} is taken, not the sum"
    return f"is {factor:.3g} times what it should be"
