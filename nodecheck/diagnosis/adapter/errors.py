"""What a layer answers through its adapter instead of a state: an exception, or something else.

Each explanation rests on something that only the adapter decides: how the dynamics is to be called, and what
`build` returns.  Where the layer itself may be at fault nothing is said.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor

from nodecheck.backends.torch.dynamics import Call, CallError, Dynamics
from nodecheck.diagnosis.adapter.outputs import described, explain_output
from nodecheck.layers import TorchLayer
from nodecheck.layers.attempt import Refusal, attempt
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
    solve: Any  # what `build` returned; None where the answer came from `build` itself
    calls: tuple[Call, ...]


def ask(layer: TorchLayer, problem: Problem, resolution: float) -> Answer:
    """Return what the layer answers, whatever it is."""
    dynamics, y0 = Dynamics(problem), torch.tensor(problem.y0, requires_grad=True)
    arguments = (dynamics, problem.t0, problem.t1)
    solve = attempt(lambda: layer.build(*arguments, **{layer.resolution: resolution}))
    if isinstance(solve, Refusal) or not callable(solve):
        return _answer(y0, solve, None, dynamics)
    return _answer(y0, attempt(lambda: solve(y0)), solve, dynamics)


def _answer(y0: Tensor, outcome: Any, solve: Any, dynamics: Dynamics) -> Answer:
    error = outcome.error if isinstance(outcome, Refusal) else None
    return Answer(y0, None if error else outcome, error, solve, tuple(dynamics.trace.calls))


def explain_answer(layer: TorchLayer, answer: Answer, problem: Problem) -> str:
    """Return what is wrong with the adapter and the line that mends it; "" if it may be the layer."""
    if answer.error is not None:
        return _explain_error(layer, answer.error, answer, problem)
    if answer.solve is None:
        return (
            f"`build` returns {described(answer.output)}; it has to return a function y0 -> y1, "
            f"for instance `lambda y0: odeint(dynamics, y0, ...)[-1]`."
        )
    return explain_output(answer.output, answer.y0)


def _explain_error(layer: TorchLayer, error: Exception, answer: Answer, problem: Problem) -> str:
    for cause in _chain(error):
        if isinstance(cause, CallError):
            return f"The layer calls the dynamics in another way: {cause}."
        other = _OTHER_ARGUMENTS.search(str(cause)) if isinstance(cause, TypeError) else None
        if other:
            return _explain_arguments(other)
    where = _innermost(error.__traceback__)
    if where is not None and where.f_globals.get("__name__", "").startswith(_HELPERS):
        return f"adapt.{where.f_code.co_name} is misused: {error}."
    if answer.solve is None and isinstance(error, _WRONG_LINE) and _is_of(layer.build, where):
        return f"A line of `build` itself raises {type(error).__name__}: {error}."
    if answer.solve is not None and isinstance(error, TypeError) and not _takes(answer.solve, answer.y0):
        return (
            f"What `build` returns cannot be called with y0 alone ({error}): return a function that can, "
            f"for instance `lambda y0: layer(y0, t)`."
        )
    if layer.adaptive and isinstance(error, TypeError) and _counts_steps(layer, problem):
        return (
            f"`tol` is taken for a number of steps ({error}): call the fourth parameter of `build` n_steps."
        )
    return _explain_shapes(answer)


def _takes(solve: Any, y0: Tensor) -> bool:
    """Whether a function or module can be called with y0 alone, as far as its signature tells."""
    try:
        inspect.signature(getattr(solve, "forward", solve)).bind(y0)
    except ValueError:  # a function without a signature
        return True
    except TypeError:
        return False
    return True


def _counts_steps(layer: TorchLayer, problem: Problem) -> bool:
    """Whether a layer that raises for a tolerance does not for an integer, and twice that costs more."""
    few, many = (ask(layer, problem, n) for n in (8, 16))
    return few.error is None and many.error is None and 0 < len(few.calls) < len(many.calls)


def _explain_shapes(answer: Answer) -> str:
    width = answer.y0.shape[-1]
    shapes = [call.y_shape for call in answer.calls if call.y_shape[-1:] != (width,)]
    if shapes:
        return (
            f"The layer calls the dynamics with y of shape {shapes[0]}, where y0 has "
            f"{tuple(answer.y0.shape)}: the components are the last axis, of size {width}; move or reshape "
            f"the axes on the way in and out."
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
