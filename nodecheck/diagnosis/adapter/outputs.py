"""What came back for y0, where it is not a state: what in it looks like one, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def explain_output(output: Any, y0: Tensor) -> str:
    """Return how to make a state of the output; "" if it has the shape of one."""
    if isinstance(output, Tensor) and output.shape == y0.shape:
        return ""
    expected = f"`build` returns {described(output)} for y0 of shape {tuple(y0.shape)}"
    if isinstance(output, tuple | list) and _are_states(output, y0):
        return f"{expected}: the states at all times. Return y[-1] for y."
    # The initial state comes back as well, sometimes: what is y0 is looked at last.
    for expression, part in sorted(_parts("y", output), key=lambda named: _is(named[1], y0)):
        reading = _reading(expression, part, y0)
        if reading:
            return f"{expected}. {reading}"
    if isinstance(output, Tensor) and tuple(output.shape) == tuple(reversed(y0.shape)):
        return f"{expected}: batch and components are swapped. Return y.mT for y."
    return f"{expected}; it has to return the state at t1, a tensor like y0."


def _parts(expression: str, value: Any, depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield the value, or what a tuple, a mapping or a solution object holds, each with how to write it."""
    if isinstance(value, Tensor | np.ndarray):
        yield expression, value
        return
    if isinstance(value, Mapping):
        parts = [(f"{expression}[{key!r}]", part) for key, part in value.items()]
    elif isinstance(value, tuple | list):
        parts = [(f"{expression}[{i}]", part) for i, part in enumerate(value)]
    else:
        parts = [(f"{expression}.{name}", part) for name, part in getattr(value, "__dict__", {}).items()]
    for name, part in parts if depth else ():
        yield from _parts(name, part, depth - 1)


def _are_states(values: Sequence[Any], y0: Tensor) -> bool:
    """Whether these are the states at several times: a list of them, or a tuple that begins with y0."""
    alike = len(values) > 1 and all(isinstance(v, Tensor) and v.shape == y0.shape for v in values)
    return alike and (isinstance(values, list) or _is(values[0], y0))


def _is(value: Any, y0: Tensor) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and torch.equal(value.to(y0), y0)


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
            if _is(part.select(axis, index), y0):
                return _time_axis(expression, part, axis, f"its {where} entry is y0", index)
    return _time_axis(expression, part, axes[0], "the others are those of y0", 0) if axes else ""


def _time_axis(expression: str, part: Tensor, axis: int, why: str, start: int) -> str:
    end = f"adapt.last({expression}, time_axis={axis})" if start == 0 else f"{expression}.select({axis}, 0)"
    return f"Axis {axis} of {expression}, of size {part.shape[axis]}, is time ({why}): return {end} for y."


def described(value: Any) -> str:
    """Return what a value is, with its shape or length."""
    if value is None:
        return "None"
    if isinstance(value, Tensor | np.ndarray):
        kind = "a tensor" if isinstance(value, Tensor) else "a NumPy array"
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list | Mapping):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an object of type {type(value).__name__}"
