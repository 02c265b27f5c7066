"""Experiments with the layer itself: its gradients for other cotangents.

Their outcomes are facts, whatever the discretisation: a right layer is linear in the cotangent, keeps all
bits of it, and keeps the members of a batch apart.  They are made where no hypothesis explains what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.numerics.constants import BELIEVED_IF_NEARER_BY, COTANGENT_SCALE, LINEARITY_RTOL
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.problems import Array, Float64
from nodecheck.reference import sensitivity

_Pulled = Mapping[str, Array | None]
_Again = Callable[[Array], _Pulled]


def run_experiments(observation: Observation) -> list[str]:
    """Return the findings for changes of the first cotangent, as sentences."""
    if observation.again is None or observation.missing():
        return []
    again: _Again = observation.again
    if not _equal(observation.gradients[0], again(observation.cotangents[0])):
        return ["A second backward pass for the same cotangent returns other numbers."]
    # An adaptive layer may choose its steps by the cotangent: it is linear to its tolerance only.
    scale = "" if observation.n_steps is None else _explain_nonlinearity(observation, again)
    found = (scale, _explain_mixed_members(observation, again))
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


def _equal(ours: _Pulled, theirs: _Pulled) -> bool:
    """Return True if all gradients arrived and are the same to the last bit."""
    return all(
        value is not None and (other := theirs[name]) is not None and np.array_equal(value, other)
        for name, value in ours.items()
    )


def _explain_nonlinearity(observation: Observation, again: _Again) -> str:
    """Return why the gradient is not proportional to the cotangent; "" if it is."""
    cotangent = observation.cotangents[0]
    plain = _flat(observation, observation.gradients[0])
    exact = _flat(observation, sensitivity(observation.problem).pullback(cotangent))
    error = np.linalg.norm(plain - exact)
    nonlinear = False
    for factor, words, cause in (
        (1 / COTANGENT_SCALE, f"1/{COTANGENT_SCALE:.0f} of", "something is clipped where it is large"),
        (COTANGENT_SCALE, f"{COTANGENT_SCALE:.0f} times", "something is added, or cut off where it is small"),
    ):
        scaled = _flat(observation, again(factor * cotangent)) / factor
        change = np.linalg.norm(scaled - plain) / (np.linalg.norm(plain) or 1.0)
        is_linear = change <= LINEARITY_RTOL
        nonlinear |= not is_linear
        if not is_linear and np.linalg.norm(scaled - exact) * BELIEVED_IF_NEARER_BY <= error:
            return f"For {words} the cotangent the gradient is right: {cause}."
    return "The gradient is not proportional to the cotangent." if nonlinear else ""


def _flat(observation: Observation, gradients: _Pulled) -> Float64:
    """Return the gradients of all groups as one vector."""
    return np.concatenate([np.ravel(_or_zero(gradients[name])) for name in observation.problem.groups])


def _or_zero(value: Array | None) -> Float64:
    return np.zeros(1) if value is None else np.asarray(value, dtype=np.float64)


def _explain_mixed_members(observation: Observation, again: _Again) -> str:
    """Return the batch members that a cotangent of member 0 reaches, as a sentence; "" if it is alone."""
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
