"""The exact gradient of a user's loss, with its own error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.audit_constants import (
    FEWEST_EQUAL_STEPS,
    KINK_FACTOR,
    MOST_EQUAL_STEPS,
    REFERENCE_SHARE,
    REFERENCE_STEPS,
    REFERENCE_TOLERANCES,
)
from nodecheck.own_model.audit import Task
from nodecheck.own_model.field import field_of
from nodecheck.own_model.passes import Gradient, named_gradient
from nodecheck.own_model.states import State, mapped, parts

__all__ = ["NoReferenceError", "Reference", "difference", "norm", "reference_of"]


class NoReferenceError(Exception):
    """No solution could be computed that is exact enough; the message says why."""


@dataclass(frozen=True)
class Reference:
    """The gradient of a loss of the exact solution.

    Attributes
    ----------
    gradient : mapping
        By tensor, float64.
    outputs, cotangent : State
        The solution in the form of what the user's solve returns, and the gradient of the loss there.
    loss : float
        The loss.
    error : float
        The relative error of the gradient, estimated from a coarser solution; infinite if there is none.
    errors : mapping
        The same by tensor, absolute.
    method : str
        What computed it.
    evaluations : int
        Evaluations of the field that it took.
    """

    gradient: Gradient
    outputs: State
    cotangent: State
    loss: float
    method: str
    evaluations: int
    error: float = math.inf
    errors: tuple[tuple[str, float], ...] = ()


def reference_of(task: Task, target: float, *, final: bool) -> Reference:
    """Return the reference of a task in float64, as exact as the target asks for.

    The solution is computed by `ODELayer` with tolerances and checkpoints: its gradient is that of its own
    steps, exactly, and its memory grows like the square root of their number.  Each tolerance is compared
    with the next.  Where the error does not settle, as at kinks of the field, equal steps are doubled.

    Raises
    ------
    NoReferenceError
        If neither comes below the share of the target that is asked for.
    """
    wanted, best, why = target * REFERENCE_SHARE, None, ""
    try:
        for found in _compared(task, final=final, layers=_adaptive_layers(task), factor=1.0):
            best = found
            if found.error <= wanted:
                return found
    except RuntimeError as error:
        if "max_steps" not in str(error) and "small enough" not in str(error):
            raise
        why = str(error)
    try:
        for found in _compared(task, final=final, layers=_equal_layers(task), factor=KINK_FACTOR):
            best = found if best is None or found.error < best.error else best
            if found.error <= wanted:
                return found
    except RuntimeError as error:
        why = why or str(error)
    if best is None or not best.error <= target:
        received = "none" if best is None else f"one with an error of {best.error:.1e}"
        message = (
            f"expected an exact gradient with an error of at most {wanted:.1e}, got {received} "
            f"({best.method if best else why}); choose a larger target, a shorter interval, a smoother field"
        )
        raise NoReferenceError(message)
    return best


def norm(gradient: Gradient) -> float:
    """Return the Euclidean norm of a gradient."""
    return math.sqrt(sum(float(g.square().sum()) for g in gradient.values()))


def difference(a: Gradient, b: Gradient) -> Gradient:
    """Return a - b, tensor by tensor."""
    return {name: a[name] - b[name] for name in b}


def _adaptive_layers(task: Task) -> Iterator[tuple[str, ODELayer]]:
    """Yield our layer at one tolerance after the other, each a hundredth of the one before."""
    field = field_of(task)
    for tol in REFERENCE_TOLERANCES:
        options = {"rtol": tol, "atol": tol, "max_steps": REFERENCE_STEPS}
        layer = ODELayer(field, *_ends(task), solver="dopri5", adjoint="checkpointed", **options)  # type: ignore[arg-type]
        yield f"dopri5 at {tol:.0e}", layer


def _equal_layers(task: Task) -> Iterator[tuple[str, ODELayer]]:
    """Yield our layer with twice the number of equal steps after each other."""
    field, n = field_of(task), FEWEST_EQUAL_STEPS
    while n <= MOST_EQUAL_STEPS:
        yield f"{n} steps of RK4", ODELayer(field, *_ends(task), n, solver="rk4", adjoint="checkpointed")
        n *= 2


def _compared(
    task: Task, *, final: bool, layers: Iterator[tuple[str, ODELayer]], factor: float
) -> Iterator[Reference]:
    """Yield the reference of each layer but the first, with its difference to the one before.

    Where many output times decide on the steps, two tolerances have the same ones.  Such a pair says nothing
    about its error, and is left out.
    """
    before: Reference | None = None
    spent = 0
    for method, layer in layers:
        found = _gradient_of(task, layer, method, final=final)
        spent += found.evaluations
        if before is not None and before.evaluations != found.evaluations:
            change = difference(before.gradient, found.gradient)
            errors = tuple((name, factor * float(g.norm())) for name, g in change.items())
            size = norm(found.gradient)
            error = factor * norm(change) / size if size else math.inf
            yield replace(found, error=error, errors=errors, evaluations=spent)
        before = found


def _ends(task: Task) -> tuple[float, float]:
    return task.times[0], task.times[-1]


def _gradient_of(task: Task, layer: ODELayer, method: str, *, final: bool) -> Reference:
    """Return the gradient of the loss of one solution."""
    calls = [0]

    def count(*_: object) -> None:
        calls[0] += 1

    handle = task.dynamics.register_forward_pre_hook(count)
    try:
        with torch.enable_grad():
            y0 = task.layout.join(task.y0).detach().requires_grad_(task.wrt_y0)
            states = layer.solve(y0, task.times)
            outputs = mapped(lambda part: part.detach(), task.layout.split(states[-1] if final else states))
            leaves = mapped(lambda part: part.clone().requires_grad_(True), outputs)
            loss = task.loss(leaves)
            weights = torch.autograd.grad(loss, parts(leaves), allow_unused=True)
            cotangent = _as_state(outputs, weights)
            joined = task.layout.join(cotangent) if final else _joined_along_times(task, cotangent)
            found = _pulled_back(task, states[-1] if final else states, joined, y0)
    finally:
        handle.remove()
    return Reference(found, outputs, cotangent, float(loss.detach()), method, calls[0])


def _as_state(outputs: State, weights: tuple[Tensor | None, ...]) -> State:
    """Return the cotangent of each part, zero where the loss does not depend on it."""
    filled = [torch.zeros_like(z) if w is None else w for z, w in zip(parts(outputs), weights, strict=True)]
    return tuple(filled) if isinstance(outputs, tuple | list) else filled[0]


def _joined_along_times(task: Task, state: State) -> Tensor:
    """Return the states at all times as (T, B, D)."""
    count = len(task.times)
    return torch.stack([task.layout.join(mapped(lambda part: part[k], state)) for k in range(count)])  # noqa: B023


def _pulled_back(task: Task, output: Tensor, cotangent: Tensor, y0: Tensor) -> Gradient:
    """Return the gradient by tensor of a cotangent of the joined output."""
    tensors = {**task.parameters, **({"y0": y0} if task.wrt_y0 else {})}
    if not tensors or not output.requires_grad:
        return named_gradient(task, {})
    grads = torch.autograd.grad(output, list(tensors.values()), cotangent, allow_unused=True)
    found = dict(zip(tensors, grads, strict=True))
    if task.wrt_y0 and (joined := found.pop("y0")) is not None:
        split = parts(task.layout.split(joined))
        several = isinstance(task.y0, tuple | list)
        found |= {f"y0[{k}]" if several else "y0": part for k, part in enumerate(split)}
    return named_gradient(task, found)
