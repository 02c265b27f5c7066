"""Forward and backward passes of the user's own solve, with the evaluations of the dynamics counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.own_model.audit import Solve, Task
from nodecheck.own_model.states import State, mapped, parts

__all__ = ["Gradient", "Pass", "named_gradient", "run_pass"]

Gradient = Mapping[str, Tensor]
Y0 = "y0"


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass.

    Attributes
    ----------
    gradient : mapping
        The gradient of the loss by tensor, float64; zeros where there is none.
    missing : frozenset of str
        The tensors that got no gradient at all.
    loss : float
        The loss.
    forward_calls, backward_calls : int
        Evaluations of the dynamics in each pass.
    seconds : float
        Time of both.
    final : bool
        True if the solve returns the last state alone.
    """

    gradient: Gradient
    missing: frozenset[str]
    loss: float
    forward_calls: int
    backward_calls: int
    seconds: float
    final: bool


class Calls:
    """Counts the calls of a module in the two passes; in the backward pass it may replace the state."""

    def __init__(self, forced: Callable[[float], State] | None) -> None:
        self.forward, self.backward = 0, 0
        self.in_backward = False
        self._forced = forced

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        del module
        if not self.in_backward:
            self.forward += 1
            return None
        self.backward += 1
        if self._forced is None or len(arguments) < 2:
            return None
        t, y, *more = arguments
        exact = parts(self._forced(float(t)))
        # The value is that of the exact state, the derivative that with respect to the layer's own.
        replaced = [own + (true.to(own) - own).detach() for own, true in zip(parts(y), exact, strict=True)]
        return (t, tuple(replaced) if isinstance(y, tuple | list) else replaced[0], *more)


@contextmanager
def _counted(dynamics: nn.Module, calls: Calls) -> Iterator[None]:
    handle = dynamics.register_forward_pre_hook(calls)
    try:
        yield
    finally:
        handle.remove()


def run_pass(
    solve: Solve,
    task: Task,
    *,
    cotangent: State | None = None,
    forced: Callable[[float], State] | None = None,
) -> Pass:
    """Return one pass of a solve.

    Parameters
    ----------
    solve : function
        The user's.
    task : Task
        What is solved.
    cotangent : State or None
        dL/d(outputs), of the shape of what `solve` returns; None to differentiate the loss.
    forced : function or None
        The state in whose place the dynamics are evaluated at a time, in the backward pass.

    Raises
    ------
    ValueError
        If the solve does not call the dynamics that it is given.
    """
    for p in task.dynamics.parameters():
        p.grad = None
    y0 = mapped(lambda part: part.clone().requires_grad_(task.wrt_y0), task.y0)
    calls = Calls(forced)
    start = time.perf_counter()
    with _counted(task.dynamics, calls), torch.enable_grad():
        output = solve(task.dynamics, y0, task.t.clone())
        loss = task.loss(output)
        calls.in_backward = True
        if cotangent is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            weights = [w.to(z) for w, z in zip(parts(cotangent), parts(output), strict=True)]
            torch.autograd.backward(parts(output), weights)
    seconds = time.perf_counter() - start
    if not calls.forward:
        message = (
            "solve(dynamics, y0, t) must call the dynamics it is given, got no call of dynamics(t, y); use "
            "the argument in place of a module from outside, and call it, not its forward method"
        )
        raise ValueError(message)
    found = {name: p.grad for name, p in task.parameters.items()}
    if task.wrt_y0:
        found |= {name: part.grad for name, part in _named(y0)}
    missing = frozenset(name for name, grad in found.items() if grad is None)
    return Pass(
        named_gradient(task, found),
        missing,
        float(loss.detach()),
        calls.forward,
        calls.backward,
        seconds,
        task.layout.is_final(output),
    )


def named_gradient(task: Task, found: Mapping[str, Tensor | None]) -> Gradient:
    """Return gradients by name in float64 on the CPU, with zeros where there is none."""
    like: dict[str, Tensor] = {**task.parameters, **(dict(_named(task.y0)) if task.wrt_y0 else {})}
    return {
        name: (torch.zeros_like(tensor) if found.get(name) is None else found[name])  # type: ignore[union-attr]
        .detach()
        .to("cpu", torch.float64, copy=True)
        for name, tensor in like.items()
    }


def _named(y0: State) -> list[tuple[str, Tensor]]:
    """Return the tensors of a state with their names: y0, or y0[0] and so on."""
    tensors = parts(y0)
    if not isinstance(y0, tuple | list):
        return [(Y0, tensors[0])]
    return [(f"{Y0}[{k}]", part) for k, part in enumerate(tensors)]
