"""A layer asked for a state through its adapter: whatever comes back, as plain data."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import built
from nodecheck.backends.torch.tensors import dynamics_of, leaf_of
from nodecheck.layers import Part, Refusal, Solve, TorchLayer, Trial, attempt

_DEPTH = 2  # of containers within containers that are looked into


def try_layer(layer: TorchLayer, solve: Solve) -> Trial:
    """Return the output or the error of the layer, whatever it is."""
    dynamics = dynamics_of(solve)
    y0 = leaf_of(solve.problem.y0, solve)
    call = attempt(lambda: built(layer, dynamics, solve))
    if isinstance(call, Refusal) or not callable(call):
        return _trial(y0, call, dynamics, built=False, accepts_state=False)
    found = attempt(lambda: call(y0))
    return _trial(y0, found, dynamics, built=True, accepts_state=_accepts(call, y0))


def _trial(y0: Tensor, found: Any, dynamics: Dynamics, *, built: bool, accepts_state: bool) -> Trial:
    calls = tuple(dynamics.trace.calls)
    if isinstance(found, Refusal):
        return Trial(found.error, built, accepts_state, type(dynamics).__qualname__, calls=calls)
    return Trial(
        None,
        built,
        accepts_state,
        described=described(found),
        parts=tuple(_parts("y", found)),
        are_states=isinstance(found, tuple | list) and _are_states(found, y0),
        calls=calls,
    )


def _accepts(call: Any, y0: Tensor) -> bool:
    """Return True if a function or module can be called with y0 alone, as far as its signature tells."""
    try:
        inspect.signature(getattr(call, "forward", call)).bind(y0)
    except ValueError:  # a function without a signature
        return True
    except TypeError:
        return False
    return True


def _parts(expression: str, value: Any, path: tuple[Any, ...] = ()) -> Iterator[Part]:
    """Yield the value, or the arrays that a tuple, a mapping or a solution object holds."""
    if isinstance(value, Tensor):
        yield Part(expression, value.detach().numpy(force=True).copy(), is_tensor=True, path=path)
        return
    if isinstance(value, np.ndarray):
        yield Part(expression, value, is_tensor=False, path=path)
        return
    if isinstance(value, Mapping):
        inner = [(f"{expression}[{key!r}]", key, part) for key, part in value.items()]
    elif isinstance(value, tuple | list):
        inner = [(f"{expression}[{i}]", i, part) for i, part in enumerate(value)]
    else:
        attributes = getattr(value, "__dict__", {})
        inner = [(f"{expression}.{name}", name, part) for name, part in attributes.items()]
    for name, place, part in inner if len(path) < _DEPTH else ():
        yield from _parts(name, part, (*path, place))


def _are_states(values: Sequence[Any], y0: Tensor) -> bool:
    """Return True for the states at several times: a list of them, or a tuple that begins with y0."""
    alike = len(values) > 1 and all(isinstance(v, Tensor) and v.shape == y0.shape for v in values)
    if not alike or isinstance(values, list):
        return alike
    first: Tensor = values[0]
    return first.is_floating_point() and torch.equal(first.to(y0), y0)


def described(value: Any) -> str:
    """Return a value in words, with its shape or length."""
    if value is None:
        return "None"
    if isinstance(value, Tensor | np.ndarray):
        kind = "a tensor" if isinstance(value, Tensor) else "a NumPy array"
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list | Mapping):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an object of type {type(value).__name__}"
