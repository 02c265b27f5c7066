"""The dynamics handed to a layer under test: tolerant of call styles, and recording every call.

Public layers call f(t, y) with t as a Python float, a NumPy scalar, or a tensor of shape (), (1,), (1, 1) or
(B,), and y with any leading axes.  None of this is wrong, so all of it works; but all of it is recorded,
because a float32 t beside a float64 y, or a time outside [t0, t1], is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nodecheck.layers.errors import CallError, RunawayError
from nodecheck.layers.solution import Call, Phase
from nodecheck.problems import Problem


@dataclass(eq=False)
class Trace:
    """The calls of the dynamics, in the order in which they happened.

    With `reads` False no time is read from a tensor: on a device that makes the host wait, and a graph that
    is captured cannot do it.  A call beyond `limit` raises `RunawayError` in the layer: an iteration that
    does not converge may go on until memory is full.
    """

    calls: list[Call] = field(default_factory=list)
    phase: Phase = "forward"
    limit: float = math.inf
    reads: bool = True

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the trace itself: what a copied dynamics does is recorded in the same place."""
        return self

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Record what happens inside as part of the backward pass."""
        self.phase = "backward"
        try:
            yield
        finally:
            self.phase = "forward"

    def of(self, phase: Phase) -> tuple[Call, ...]:
        """Return the calls of one phase."""
        return tuple(call for call in self.calls if call.phase == phase)


class Dynamics(nn.Module):
    """The vector field of a problem as a module, called as ``dynamics(t, y)``.

    Every parameter of the problem is an `nn.Parameter` of the given dtype.  The field itself is evaluated
    with t as a 0-d tensor of the dtype and device of y.
    """

    def __init__(self, problem: Problem, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.vector_field = problem.vector_field
        self.trace = Trace()
        self._names = tuple(problem.params)
        for name, value in problem.params.items():
            *path, last = name.split(".")  # of a module of the user's own: "net.0.weight"
            owner = _submodule(self, path)
            owner.register_parameter(last, nn.Parameter(torch.tensor(value, dtype=dtype)))

    def forward(self, t: Any, y: Tensor) -> Tensor:
        """Return f(t, y), of the shape and dtype of `y`.

        Raises
        ------
        CallError
            If `y` is not a tensor, or `t` neither one time nor one for each member of the batch.
        """
        time = self.timed(t, y)
        if time.numel() == 1:
            return self._at(time.reshape(()), y)
        return torch.stack([self._at(s, member) for s, member in zip(time.reshape(-1), y, strict=True)])

    def _at(self, time: Tensor, y: Tensor) -> Tensor:
        """Return the value at one time; members at different times may have different parameters."""
        params = {name: self.parameter_at(name, time) for name in self._names}
        return self.vector_field(time, y, **params)  # type: ignore[no-any-return]

    def timed(self, t: Any, y: Tensor) -> Tensor:
        """Return the time as a tensor beside y, after the call has been recorded."""
        _require_time_and_state(t, y)
        self._record(t, y)
        return time_beside(t, y)

    def parameter_at(self, name: str, _time: Tensor) -> Tensor:
        """Return the value of a parameter of the problem at a time.

        It is read by name: layers that work on detached copies swap the attributes, in one way or another.
        """
        *path, last = name.split(".")
        value: Tensor = getattr(self.get_submodule(".".join(path)), last)
        return value

    def _record(self, t: Any, y: Tensor) -> None:
        if len(self.trace.calls) >= self.trace.limit:
            message = f"stopped after {len(self.trace.calls)} evaluations of the field"
            raise RunawayError(message)
        dtype = name_of(t.dtype) if isinstance(t, Tensor) else None
        number = _number(t) if self.trace.reads or not isinstance(t, Tensor) else math.nan
        call = Call(number, dtype, name_of(y.dtype), tuple(y.shape), self.trace.phase, str(y.device))
        self.trace.calls.append(call)

    # As `torch.compiler.disable` has it, which half a second of imports comes with: a layer that is compiled
    # would be compiled anew for each number of calls so far.
    _record._torchdynamo_disable = True  # type: ignore[attr-defined]


def _submodule(module: nn.Module, path: Sequence[str]) -> nn.Module:
    """Return the module at a path below another one; modules that are missing on the way are made."""
    for name in path:
        if name not in module._modules:
            module.add_module(name, nn.Module())
        module = module.get_submodule(name)
    return module


def name_of(dtype: torch.dtype) -> str:
    """Return the name of a dtype: "float64"."""
    return str(dtype).removeprefix("torch.")


def _require_time_and_state(t: Any, y: Any) -> None:
    """Raise `CallError` unless t can be a time and y a state; the commonest mistake is f(y, t)."""
    times = t.numel() if isinstance(t, Tensor) else 1 if isinstance(t, float) else np.size(t)
    if isinstance(y, Tensor) and (times == 1 or times == len(y if y.ndim else ())):
        return
    advice = "y is a tensor of shape (..., d), t one time or one for each member of the batch"
    if isinstance(y, tuple | list):
        advice = 'a layer whose state is a pair of tensors has output="pair" in its claims'
    if isinstance(t, Tensor) and times > 1 and (not isinstance(y, Tensor) or y.numel() in (1, len(t))):
        advice = "they are in the other order: give a layer that calls f(y, t) adapt.swapped(dynamics)"
    message = f"expected dynamics(t, y), got t as {_described(t)} and y as {_described(y)}; {advice}"
    raise CallError(message)


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"


def time_beside(t: Any, y: Tensor) -> Tensor:
    """Return a time as a tensor of the dtype and device of `y`.

    The dtype is named at once: a Python float would pass through the default dtype, float32.  On a device a
    number is written there and not copied: for a copy the host waits, and a captured graph cannot have it.
    """
    number = not isinstance(t, np.ndarray) and not (
        isinstance(t, Tensor) and (t.device.type != "cpu" or t.requires_grad or t.ndim)
    )
    if y.device.type == "cpu" or not number:
        return torch.as_tensor(t, dtype=y.dtype, device=y.device)
    return torch.full((), float(t), dtype=y.dtype, device=y.device)


def _number(t: Any) -> float:
    """Return a time as a number: the mean of several; NaN inside `torch.func.vmap`, where it has no value."""
    if not isinstance(t, Tensor):
        return float(t)
    t = t.detach()
    try:
        return float(t.double().mean() if t.numel() > 1 else t)
    except RuntimeError:
        return math.nan
