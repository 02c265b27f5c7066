"""Mistakes of an adapter that show as an exception, or as something else than a state.

Each explanation rests on something that only the adapter decides: how the dynamics is to be called, and the
return value of `build`.  Where the layer itself may be at fault nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from traceback import walk_tb
from types import FrameType, TracebackType

from nodecheck.adapt.errors import ViewCallError
from nodecheck.diagnosis.adapter.outputs import explain_output, explain_outputs
from nodecheck.diagnosis.adapter.pairs import explain_pair
from nodecheck.layers import CallError, LayerError, LayerUnderTest, Trial
from nodecheck.numerics.constants import ADAPTER_STEPS, FEWER_ADAPTER_STEPS
from nodecheck.problems import Problem

# The words of Python for a call with arguments that a method does not take.
_OTHER_ARGUMENTS = re.compile(r"\.forward\(\) (?P<how>missing|takes|got) (?P<rest>.*)")
_HELPERS = "nodecheck.adapt."
# What is raised where a line of `build` itself is wrong; a layer that refuses raises something else.
_WRONG_LINE = (TypeError, AttributeError, NameError)


def explain_trial(layer: LayerUnderTest, problem: Problem, resolution: float) -> str:
    """Return the mistake in the adapter and the line that mends it; "" if it may be the layer."""
    problem = layer.posed(problem)
    trial = layer.trial(problem, resolution)
    if layer.takes_pairs and isinstance(trial.error, LayerError):
        return f"`build` returns another output: {trial.error}."
    if trial.error is not None:
        return _explain_error(layer, trial.error, trial, problem)
    if not trial.built:
        return (
            f"`build` returns {trial.described}; it has to return a function y0 -> y1, "
            f"for instance `lambda y0: odeint(dynamics, y0, ...)[-1]`."
        )
    if layer.returns_log_det:
        return explain_pair(trial, problem.y0, output_times=layer.claims.output_times)
    if layer.claims.output_times:
        return explain_outputs(trial, problem.y0)
    return explain_output(trial, problem.y0)


def _explain_error(layer: LayerUnderTest, error: Exception, trial: Trial, problem: Problem) -> str:
    for cause in _chain(error):
        if isinstance(cause, CallError):
            return f"The layer calls the dynamics in another way: {cause}."
        if isinstance(cause, ViewCallError):
            return f"The layer calls a view of the dynamics in another way: {cause}."
        other = _OTHER_ARGUMENTS.search(str(cause)) if isinstance(cause, TypeError) else None
        if other and str(cause).startswith(f"{trial.dynamics}."):
            return _explain_arguments(other)
    where = _innermost(error.__traceback__)
    if where is not None and where.f_globals.get("__name__", "").startswith(_HELPERS):
        return f"adapt.{where.f_code.co_name} is misused: {error}."
    if (
        not trial.built
        and isinstance(error, _WRONG_LINE)
        and _is_of(getattr(layer.claims, "build", None), where)
    ):
        return f"A line of `build` itself raises {type(error).__name__}: {error}."
    if trial.built and isinstance(error, TypeError) and not trial.accepts_state:
        return (
            f"What `build` returns cannot be called with y0 alone ({error}): return a function that can, "
            f"for instance `lambda y0: layer(y0, t)`."
        )
    if layer.adaptive and isinstance(error, TypeError) and _counts_steps(layer, problem):
        return (
            f"`tol` is taken for a number of steps ({error}): call the fourth parameter of `build` n_steps."
        )
    return _explain_shapes(trial, problem)


def _counts_steps(layer: LayerUnderTest, problem: Problem) -> bool:
    """Return True if the layer takes integers, but no tolerance, and more of them cost more."""
    counts = (FEWER_ADAPTER_STEPS, ADAPTER_STEPS)
    few, many = (layer.trial(problem, n) for n in counts)
    return few.error is None and many.error is None and 0 < len(few.calls) < len(many.calls)


def _explain_shapes(trial: Trial, problem: Problem) -> str:
    width = problem.y0.shape[-1]
    shapes = [call.y_shape for call in trial.calls if call.y_shape[-1:] != (width,)]
    if shapes:
        return (
            f"The layer calls the dynamics with y of shape {shapes[0]}, where y0 has "
            f"{tuple(problem.y0.shape)}: the components are the last axis, of size {width}; move or reshape "
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
    if other["how"] == "missing":
        advice = "for f(y) give it adapt.autonomous(dynamics), with adapt.append_time and adapt.drop_time"
    elif other["how"] == "takes":
        advice = (
            "for f(t, y, *params) give it adapt.with_params(dynamics), for f(t, y, theta) "
            "adapt.with_flat_params(dynamics); for a(t, q, v) claim supports={'second-order'}"
        )
    return f"The layer calls the dynamics with other arguments than (t, y): it {found}; {advice}."


def _innermost(traceback: TracebackType | None) -> FrameType | None:
    """Return the frame in which the wrong line is."""
    frames = [frame for frame, _ in walk_tb(traceback)]
    while frames and frames[-1].f_code.co_name == "__getattr__":  # of a module that lacks a name
        frames.pop()
    return frames[-1] if frames else None


def _is_of(build: object, frame: FrameType | None) -> bool:
    """Return True if a frame is one of the function itself, not of a function that it calls or returns."""
    return frame is not None and frame.f_code is getattr(build, "__code__", None)
