"""What a layer answers through its adapter instead of a state: an exception, or something else.

Each explanation rests on something that only the adapter decides: how the dynamics is to be called, and what
`build` returns.  Where the layer itself may be at fault nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nodecheck.checks.base import Refusal, attempt
from nodecheck.instruments import Call, CallError, Dynamics
from nodecheck.layers import TorchLayer
from nodecheck.problems import Problem

_OTHER_ARGUMENTS = re.compile(
    r"(Dynamics|_Swapped|_Autonomous|_WithParams|_WithFlatParams|_OverUnitInterval)\.forward\(\) "
    r"(?P<how>missing|takes|got) (?P<rest>.*)"
)
_HELPERS = "nodecheck.adapt."
# What is raised where a line of `build` itself is wrong; a layer that refuses raises something else.
_WRONG_LINE = (TypeError, AttributeError, NameError)


@dataclass(frozen=True)
class Answer:
    """What came back for y0: an output of any kind, or an error; and the calls of the dynamics until then."""

    y0: Tensor
    output: Any
    error: Exception | None
    in_build: bool  # whether it came from `build` itself, before there was a y0
    calls: tuple[Call, ...]


def ask(layer: TorchLayer, problem: Problem, resolution: float) -> Answer:
    """Return what the layer answers, whatever it is."""
    dynamics, y0 = Dynamics(problem), torch.tensor(problem.y0, requires_grad=True)
    arguments = (dynamics, problem.t0, problem.t1)
    solve = attempt(lambda: layer.build(*arguments, **{layer.resolution: resolution}))
    if isinstance(solve, Refusal) or not callable(solve):
        return _answer(y0, solve, True, dynamics)
    return _answer(y0, attempt(lambda: solve(y0)), False, dynamics)


def _answer(y0: Tensor, outcome: Any, in_build: bool, dynamics: Dynamics) -> Answer:
    error = outcome.error if isinstance(outcome, Refusal) else None
    return Answer(y0, None if error else outcome, error, in_build, tuple(dynamics.trace.calls))


def explain_answer(layer: TorchLayer, answer: Answer) -> str:
    """Return what is wrong with the adapter and the line that mends it; "" if it may be the layer."""
    if answer.error is not None:
        return _explain_error(layer, answer.error, answer)
    if answer.in_build:
        return (
            f"`build` returns {_described(answer.output)}; it has to return a function y0 -> y1, "
            f"for instance `lambda y0: odeint(dynamics, y0, ...)[-1]`."
        )
    return _explain_output(answer.output, answer.y0)


def _explain_error(layer: TorchLayer, error: Exception, answer: Answer) -> str:
    for cause in _chain(error):
        if isinstance(cause, CallError):
            return f"The layer calls the dynamics in another way: {cause}."
        other = _OTHER_ARGUMENTS.search(str(cause)) if isinstance(cause, TypeError) else None
        if other:
            return _explain_arguments(other)
    where = _innermost(error.__traceback__)
    if where is not None and where.f_globals.get("__name__", "").startswith(_HELPERS):
        return f"adapt.{where.f_code.co_name} is misused: {error}."
    if answer.in_build and isinstance(error, _WRONG_LINE) and _is_of(layer.build, where):
        return f"A line of `build` itself raises {type(error).__name__}: {error}."
    if layer.adaptive and "'float' object cannot be interpreted as an integer" in str(error):
        return f"`tol` is used as a number ({error}): call the fourth parameter of `build` n_steps."
    width = answer.y0.shape[-1]
    shapes = [call.y_shape for call in answer.calls if call.y_shape[-1:] != (width,)]
    if shapes:
        return (
            f"The layer calls the dynamics with y of shape {shapes[0]}, where y0 has "
            f"{tuple(answer.y0.shape)}: the components are the last axis, of size {width}; move the axes on "
            f"the way in and out."
        )
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that led to it: libraries wrap what they catch."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _explain_arguments(other: re.Match[str]) -> str:
    found = f"{other['how']} {other['rest']}".splitlines()[0]
    advice = "see `nodecheck.adapt` for the ways of calling it"
    if other[1] == "Dynamics" and other["how"] == "missing":
        advice = "for f(y) give it adapt.autonomous(dynamics), with adapt.append_time and adapt.drop_time"
    elif other[1] == "Dynamics" and other["how"] == "takes":
        advice = (
            "for f(t, y, *params) give it adapt.with_params(dynamics), for f(t, y, theta) "
            "adapt.with_flat_params(dynamics)"
        )
    return f"The layer calls the dynamics with other arguments than (t, y): it {found}; {advice}."


def _innermost(traceback: TracebackType | None) -> FrameType | None:
    """Return the frame in which the wrong line is."""
    frames = [frame for frame, _ in walk_tb(traceback)]
    while frames and frames[-1].f_code.co_name == "__getattr__":  # of a module that lacks a name
        frames.pop()
    return frames[-1] if frames else None


def _is_of(build: Callable[..., Any], frame: FrameType | None) -> bool:
    """Whether a frame is one of the function itself, not of what it calls or returns."""
    return frame is not None and frame.f_code is getattr(build, "__code__", None)


def _explain_output(output: Any, y0: Tensor) -> str:
    if isinstance(output, Tensor) and output.shape == y0.shape:
        return ""
    expected = f"`build` returns {_described(output)} for y0 of shape {tuple(y0.shape)}"
    if isinstance(output, tuple | list) and _are_states(output, y0) and torch.equal(output[0], y0):
        return f"{expected}: the states at all times. Return y[-1] for y."
    for expression, part in _parts("y", output):
        reading = _reading(expression, part, y0)
        if reading:
            return f"{expected}. {reading}"
    if isinstance(output, Tensor) and tuple(output.shape) == tuple(reversed(y0.shape)):
        return f"{expected}: batch and components are swapped. Return y.mT for y."
    return f"{expected}; it has to return the state at t1, a tensor like y0."


def _parts(expression: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the value, or what a tuple, a mapping or a solution object holds, each with how to write it."""
    if isinstance(value, Tensor | np.ndarray):
        yield expression, value
    elif isinstance(value, Mapping):
        yield from ((f"{expression}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, tuple | list):
        yield from ((f"{expression}[{i}]", part) for i, part in enumerate(value))
    else:
        yield from ((f"{expression}.{name}", part) for name, part in getattr(value, "__dict__", {}).items())


def _are_states(values: Sequence[Any], y0: Tensor) -> bool:
    return len(values) > 1 and all(isinstance(v, Tensor) and v.shape == y0.shape for v in values)


def _reading(expression: str, part: Any, y0: Tensor) -> str:
    """Return how to read the final state from a part of the output, "" if it does not look like one."""
    if isinstance(part, np.ndarray):
        return "A NumPy array carries no gradient: return the tensor."
    if not isinstance(part, Tensor):
        return ""
    if part.shape == y0.shape:
        return f"{expression} has the shape of the state: return {expression} for y."
    axes = [k for k in range(part.ndim) if part.shape[:k] + part.shape[k + 1 :] == y0.shape]
    for axis in axes:
        for index, where in ((0, "first"), (-1, "last")):
            if torch.equal(part.select(axis, index), y0):
                return _time_axis(expression, part, axis, f"its {where} entry is y0", index)
    return _time_axis(expression, part, axes[0], "the others are those of y0", 0) if axes else ""


def _time_axis(expression: str, part: Tensor, axis: int, why: str, start: int) -> str:
    end = f"adapt.last({expression}, time_axis={axis})" if start == 0 else f"{expression}.select({axis}, 0)"
    return f"Axis {axis} of {expression}, of size {part.shape[axis]}, is time ({why}): return {end} for y."


def _described(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Tensor | np.ndarray):
        kind = "a tensor" if isinstance(value, Tensor) else "a NumPy array"
        return f"{kind} of shape {tuple(value.shape)}"
    size = f" of {len(value)}" if isinstance(value, tuple | list | Mapping) else ""
    return f"an object of type {type(value).__name__}{size}"
