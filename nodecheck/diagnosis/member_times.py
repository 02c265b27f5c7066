"""Causes of wrong answers where each member of the batch has an interval of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Refusal, Solution
from nodecheck.measure.member_times import (
    cotangents_of,
    exact,
    exact_states,
    gradients_of_members,
    together,
)
from nodecheck.measure.time_gradients import names_of_times
from nodecheck.numerics import relative_error, rms
from nodecheck.numerics.constants import CLEAR_JUMP, INSEPARABLE_RESIDUALS
from nodecheck.problems import Problem, members_of
from nodecheck.reference import trajectory

_SHAPE = re.compile(r"invalid gradient .*got (\[[\d, ]*\]).*compatible with (\[[\d, ]*\])", re.DOTALL)


def explain_shape(refusal: Refusal) -> str:
    """Return the error of a layer whose times require a gradient, and what it means if its shape is wrong."""
    shapes = _SHAPE.search(str(refusal.error))
    if shapes is None:
        return str(refusal)
    return (
        f"The gradient of times has the shape {shapes[1]}, not {shapes[2]}, that of the times.  Each member "
        f"has its own: sum over its components, and not over the batch."
    )


def explain_member_times(layer: LayerUnderTest, problem: Problem, *, of_times: bool) -> str:
    """Return which intervals were taken for the members' own, or how their gradients were put together."""
    resolution = layer.tolerances()[-1] if layer.adaptive else layer.ladder()[-1]
    cotangents = cotangents_of(layer, problem)
    found = together(layer, problem, resolution, cotangents, of_times=of_times)
    states, right = found.y1, exact_states(problem)
    if not np.isfinite(states).all():
        return f"{int(np.sum(~np.isfinite(states)))} of {states.size} entries of y1 are NaN or infinite."
    if words := _nearest(states, right, dict(_other_times(problem))):
        return words
    gradients = [exact(problem, w) for w in cotangents]
    parts = [_of_parameters(problem, found, cotangents)]
    parts += [_of_times(name, found, gradients) for name in (names_of_times(layer) if of_times else ())]
    return "  ".join(filter(None, parts)) or _sizes(problem, found, gradients)


def _nearest(found: Array, right: Array, hypotheses: Mapping[str, Array]) -> str:
    """Return the words of the nearest hypothesis, if it is clearly nearer than what is right; else ""."""
    left = {words: rms(found - value) for words, value in hypotheses.items()}
    words = min(left, key=lambda name: left[name])
    return words if INSEPARABLE_RESIDUALS * left[words] <= rms(found - right) else ""


def _times(problem: Problem) -> Array:
    """Return the times of each member, shape (B, T), T = 2 where there are no output times."""
    return np.array([member.ts or (member.t0, member.t1) for member in members_of(problem)])


def _other_times(problem: Problem) -> Iterator[tuple[str, Array]]:
    """Yield mistakes in words, and the states that the members would have."""
    ts = _times(problem)
    start, since = ts[:, :1], ts - ts[:, :1]
    length = since[:, -1:]
    longest = length[np.argmax(np.abs(length))]
    others = {
        "All members are solved on the interval of the first one.": ts[:1],
        "All members are solved on the interval of the last one.": ts[-1:],
        "All members are solved on the mean of their intervals.": ts.mean(0),
        "All intervals have the mean length: t1 - t0 is averaged over the batch.": (
            start + since / length * length.mean()
        ),
        "All intervals have the length of the first one.": start + since / length * length[0],
        "All members go on for as long as the longest interval.": start + since / length * longest,
        "All members start at the time of the first one.": since + ts[0, 0],
        "Time runs forwards for members whose t1 is before t0.": start + np.abs(since),
    }
    for words, times in others.items():
        yield words, _states(problem, np.broadcast_to(times, ts.shape))
    for words, told in {"first member": ts[:1], "mean of all members": ts.mean(0)[None]}.items():
        text = f"The field is told the times of the {words}: tell it t of shape (B,)."
        yield text, _states(problem, ts, np.broadcast_to(told, ts.shape))


@dataclass(frozen=True)
class _AtOtherTime:
    """A vector field that is told another time, a + b t."""

    field: Callable[..., Any]
    a: float
    b: float

    def __call__(self, t: Any, y: Any, /, **params: Any) -> Any:
        """Return f(a + b t, y)."""
        return self.field(self.a + self.b * t, y, **params)


def _states(problem: Problem, times: Array, told: Array | None = None) -> Array:
    """Return the exact states of members at these times, where the field is told other ones if any."""
    found = []
    for k, (member, ts) in enumerate(zip(members_of(problem), times, strict=True)):
        asked = member.with_interval(float(ts[0]), float(ts[-1]))
        if told is not None:
            b = float((told[k, -1] - told[k, 0]) / (ts[-1] - ts[0]))
            field = _AtOtherTime(problem.vector_field, float(told[k, 0] - b * ts[0]), b)
            asked = asked.replace(vector_field=field)
        found.append(trajectory(asked, np.clip(ts, min(ts[0], ts[-1]), max(ts[0], ts[-1]))))
    states: Array = np.concatenate(found, axis=-2)
    return states if problem.ts else states[-1]


def _of_parameters(problem: Problem, found: Solution, cotangents: Sequence[Array]) -> str:
    """Return the weights with which members enter the gradient of the parameters, if they explain it."""
    of_members = [gradients_of_members(problem, w) for w in cotangents]
    columns = np.stack(
        [
            np.concatenate([np.ravel(one[k][name]) for one in of_members for name in _groups(problem)])
            for k in range(len(problem.y0))
        ],
        axis=-1,
    )
    arrived = [one.gradients[name] for one in found.pullbacks for name in _groups(problem)]
    if any(value is None for value in arrived):
        return ""
    total = np.concatenate([np.ravel(value) for value in arrived if value is not None])
    weights = np.linalg.lstsq(columns, total, rcond=None)[0]
    if INSEPARABLE_RESIDUALS * rms(total - columns @ weights) > rms(total - columns.sum(-1)):
        return ""
    length = np.array([member.duration for member in members_of(problem)])
    scaled = weights * length
    if np.ptp(scaled) <= CLEAR_JUMP * np.max(np.abs(scaled)):
        return (
            f"The parameter gradient is the sum over the members without the lengths of their intervals, "
            f"times {scaled.mean():.3g}.  The product of sums is not the sum of products: scale the adjoint "
            f"of each member by its own t1 - t0, then sum over the batch."
        )
    counted = ", ".join(f"{weight:.2g}" for weight in weights)
    return f"In the parameter gradient the members count {counted} times, and not once each."


def _groups(problem: Problem) -> list[str]:
    return [name for name in problem.groups if name != "y0"]


def _of_times(name: str, found: Solution, gradients: Sequence[Mapping[str, Array]]) -> str:
    """Return the mistake that explains a wrong gradient of the times of members; "" if none does."""
    arrived = np.stack([np.asarray(one.gradients[name]) for one in found.pullbacks])
    right = np.stack([one[name] for one in gradients])
    total = np.broadcast_to(right.sum(1, keepdims=True), right.shape)
    hypotheses = {
        "is that of the whole batch at every member: each has its own": total,
        "is the mean over the batch at every member: each has its own": total / right.shape[1],
        "has the wrong sign": -right,
        "is zero": np.zeros_like(right),
        "has the members in reverse order": right[:, ::-1],
    }
    words = _nearest(arrived, right, hypotheses)
    return f"∂L/∂{name} {words}." if words else ""


def _sizes(problem: Problem, found: Solution, gradients: Sequence[Mapping[str, Array]]) -> str:
    """Return how far each group is off, y0 for each member."""
    right = exact_states(problem)
    parts = [f"y1 by {relative_error(found.y1, right):.2g}"]
    for name, value in gradients[0].items():
        arrived = found.pullbacks[0].gradients.get(name)
        if arrived is not None:
            parts.append(f"∂L/∂{name} by {relative_error(arrived, value):.2g}")
    text = f"Off from what each member has alone, relative to their sizes: {', '.join(parts)}."
    if relative_error(found.y1, right) <= CLEAR_JUMP:
        text += "  y1 is near, so the backward pass takes another length or another time for some members."
    return text
