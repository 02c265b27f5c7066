"""Forward and backward passes of the user's own solve, with the evaluations of the dynamics counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.own_model.audit import Solve, Task
from nodecheck.own_model.states import State, mapped, parts

__all__ = ["Gradient", "Pass", "is_among", "leaves_of", "named_gradient", "run_pass"]

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
        exact = self._exact(t, parts(y))
        # The value is that of the exact state, the derivative that with respect to the layer's own.
        replaced = [own + (true.to(own) - own).detach() for own, true in zip(parts(y), exact, strict=True)]
        return (t, tuple(replaced) if isinstance(y, tuple | list) else replaced[0], *more)

    def _exact(self, t: Any, y: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the exact state at t, which may hold a time for each member, as torchode's."""
        assert self._forced is not None
        times = torch.as_tensor(t).reshape(-1).tolist()
        each = [parts(self._forced(time)) for time in dict.fromkeys(times)]
        if len(each) == 1:
            return each[0]
        if any(len(part) != len(times) for part in y):
            message = f"{len(times)} times for states of shape {[tuple(part.shape) for part in y]}"
            raise ValueError(message)
        at = dict(zip(dict.fromkeys(times), each, strict=True))
        return tuple(
            torch.stack([at[time][k][member] for member, time in enumerate(times)]) for k in range(len(y))
        )


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
        If the solve does not call the dynamics that it is given, or returns something else than states.
    """
    for p in task.dynamics.parameters():
        p.grad = None
    y0 = mapped(lambda part: part.clone().requires_grad_(task.wrt_y0), task.y0)
    calls = Calls(forced)
    start = time.perf_counter()
    with _counted(task.dynamics, calls), torch.enable_grad():
        output = solve(task.dynamics, y0, task.t.clone())
        _refuse_outputs(task, output)
        # The loss is differentiated with respect to the states alone: it may share a graph with an encoder.
        loss = task.loss(output)
        _refuse_loss(loss)
        weighted = _weighted(output, loss, cotangent)
        calls.in_backward = True
        if weighted:  # else no tensor gets a gradient
            torch.autograd.backward([z for z, _ in weighted], [w for _, w in weighted])
    seconds = time.perf_counter() - start
    if not calls.forward:
        raise ValueError(_NOT_CALLED)
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


_NOT_CALLED = (
    "solve(dynamics, y0, t) must call the dynamics it is given, got no call of dynamics(t, y); use the "
    "argument in place of a module from outside, and call it, not its forward method"
)


def _weighted(output: State, loss: Tensor, cotangent: State | None) -> list[tuple[Tensor, Tensor]]:
    """Return each tensor of the output that requires grad with its cotangent, that of the loss by default."""
    known = [z for z in parts(output) if z.requires_grad]
    if cotangent is not None:
        pairs = zip(parts(output), parts(cotangent), strict=True)
        return [(z, w.to(z)) for z, w in pairs if z.requires_grad]
    weights = torch.autograd.grad(loss, known, allow_unused=True) if known else ()
    return [(z, w) for z, w in zip(known, weights, strict=True) if w is not None]


def leaves_of(value: Tensor) -> list[Tensor]:
    """Return the leaves of the graph of a value.

    Of a short one: torch frees a graph whose nodes Python has seen by recursion, and overflows its stack.
    """
    seen, todo, found = set(), [value.grad_fn], []
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        todo += [following for following, _ in node.next_functions]
    return found


def is_among(tensor: Tensor, tensors: Sequence[Tensor]) -> bool:
    """Return True if a tensor is one of these; those of a ScriptModule are new objects at each look."""
    return any(tensor is t or (t.numel() and tensor.data_ptr() == t.data_ptr()) for t in tensors)


def _refuse_loss(loss: Tensor) -> None:
    """Raise a ValueError for a loss that is no scalar tensor."""
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return
    told = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    message = f"loss must return a tensor with one number, got {told}; use .mean() or .sum(), and no .item()"
    raise ValueError(message)


def _refuse_outputs(task: Task, output: State) -> None:
    """Raise a ValueError if an output is not states at the times, or the last state, in the form of y0."""
    if _times_are_second(task, output):
        message = (
            f"solve must return the states with the axis of times first, got {tuple(parts(output)[0].shape)} "
            "with that axis second; return states.transpose(0, 1)"
        )
        raise ValueError(message)
    shapes = task.layout.shapes
    steps = ((len(task.times),), ())
    form = isinstance(output, tuple | list) == task.layout.several and len(parts(output)) == len(shapes)
    if form and all(
        isinstance(z, Tensor) and any(z.shape == (*first, *shape) for first in steps)
        for z, shape in zip(parts(output), shapes, strict=True)
    ):
        return
    told = [str(tuple(z.shape)) if isinstance(z, Tensor) else type(z).__name__ for z in parts(output)]
    kind = f"{type(output).__name__} of " if isinstance(output, tuple | list) else ""
    wanted = " and ".join(str((len(task.times), *shape)) for shape in shapes)
    message = (
        f"solve must return the states at the {len(task.times)} times, {wanted}, or the last alone without "
        f"the axis of times, got {kind}{', '.join(told)}; return a tensor where y0 is one, as "
        "torch.stack(states), and a tuple where y0 is one"
    )
    raise ValueError(message)


def _times_are_second(task: Task, output: State) -> bool:
    """Return True if outputs have the axis of times behind that of members, where y0 is then found."""
    count = len(task.times)
    for z, shape, start in zip(parts(output), task.layout.shapes, parts(task.y0), strict=False):
        if not isinstance(z, Tensor) or not shape or z.shape != (shape[0], count, *shape[1:]):
            return False
        if z.shape == (count, *shape) and (torch.equal(z[0], start) or not torch.equal(z[:, 0], start)):
            return False
    return True


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
