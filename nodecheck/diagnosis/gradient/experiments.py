"""Experiments with the layer itself: what its gradients do when the cotangent is changed.

Their outcomes are facts, whatever the discretisation: a right layer is linear in the cotangent, keeps all
bits of it, and keeps the members of a batch apart.  They are made where no hypothesis explains what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nodecheck.diagnosis.gradient.comparison import BETTER
from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.problems import Array, Float64
from nodecheck.reference import sensitivity

# A power of two scales without rounding; by 8192 a limit or a threshold shows at one end or the other.
_SCALE = 2.0**13
_NONLINEAR = 1e-9  # what is left of linearity after rounding, with four digits to spare
_Again = Callable[[Array], Mapping[str, Array | None]]


def experiment(observation: Observation) -> list[str]:
    """Return what is found by changing the first cotangent, as sentences."""
    if observation.again is None or observation.missing():
        return []
    again: _Again = observation.again
    if not _equal(observation.gradients[0], again(observation.cotangents[0])):
        return ["A second backward pass for the same cotangent returns other numbers."]
    # An adaptive layer may choose its steps by the cotangent: it is linear to its tolerance only.
    scale = "" if observation.n_steps is None else _of_scale(observation, again)
    found = (scale, _of_members(observation, again))
    return [sentence for sentence in found if sentence]


def format_of_cotangent(observation: Observation) -> str:
    """Return the format to which the layer rounds its cotangent; "" if to none.

    Such a layer does not notice that the cotangent has been rounded already.
    """
    again = observation.again
    if again is None or observation.missing():
        return ""
    cotangent, first = observation.cotangents[0], observation.gradients[0]
    if len(observation.gradients) > 1 and _equal(first, observation.gradients[1]):
        return ""  # it notices nothing at all
    for name in UNIT_ROUNDOFF:
        coarse = rounded(cotangent, name)
        if not np.array_equal(coarse, cotangent) and _equal(first, again(coarse)):
            return name
    return ""


def _equal(ours: Mapping[str, Array | None], theirs: Mapping[str, Array | None]) -> bool:
    return all(
        value is not None and (other := theirs[name]) is not None and np.array_equal(value, other)
        for name, value in ours.items()
    )


def _of_scale(observation: Observation, again: _Again) -> str:
    """Tell whether the gradient is proportional to the cotangent, and at which end it is right."""
    cotangent = observation.cotangents[0]
    plain = _flat(observation, observation.gradients[0])
    exact = _flat(observation, sensitivity(observation.problem).pullback(cotangent))
    error = np.linalg.norm(plain - exact)
    nonlinear = False
    for factor, words, cause in (
        (1 / _SCALE, "1/8192 of", "something is clipped where it is large"),
        (_SCALE, "8192 times", "something is added, or cut off where it is small"),
    ):
        scaled = _flat(observation, again(factor * cotangent)) / factor
        change = np.linalg.norm(scaled - plain) / (np.linalg.norm(plain) or 1.0)
        nonlinear |= not change <= _NONLINEAR
        if not change <= _NONLINEAR and np.linalg.norm(scaled - exact) * BETTER <= error:
            return f"For {words} the cotangent the gradient is right: {cause}."
    return "The gradient is not proportional to the cotangent." if nonlinear else ""


def _flat(observation: Observation, gradients: Mapping[str, Array | None]) -> Float64:
    return np.concatenate([np.ravel(_or_zero(gradients[name])) for name in observation.problem.groups])


def _or_zero(value: Array | None) -> Float64:
    return np.zeros(1) if value is None else np.asarray(value, dtype=np.float64)


def _of_members(observation: Observation, again: _Again) -> str:
    """Tell whether a cotangent of one batch member reaches the initial state of another."""
    cotangent = observation.cotangents[0]
    if len(cotangent) < 2:
        return ""
    alone = np.zeros_like(cotangent)
    alone[0] = cotangent[0]
    nothing = np.nan_to_num(_or_zero(again(np.zeros_like(cotangent))["y0"]))  # whatever the cotangent
    reached = np.flatnonzero(np.any(_or_zero(again(alone)["y0"]) != nothing, axis=-1))
    if set(reached) <= {0}:
        return ""
    listed = ", ".join(str(k) for k in reached)
    return (
        f"A cotangent of batch member 0 alone reaches ∂L/∂y0 of members {listed}: "
        "the backward pass mixes the members of the batch."
    )
