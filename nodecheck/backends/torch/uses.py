"""Uses of a layer in a model, by the names of their variations: data as y0, other losses, other modes."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodecheck.backends.torch.passes import (
    Leaves,
    as_numpy,
    gradients_of,
    parameters_of,
    prepare,
    run_backward,
)
from nodecheck.backends.torch.settings import CHANGED_BY_IMPORTS, Watch
from nodecheck.backends.torch.tensors import leaf_of, tensor_of
from nodecheck.layers import Array, Gradients, Pullback, Solution, Solve, TorchLayer


@dataclass(frozen=True, eq=False)
class Use:
    """A way to use a layer.

    Attributes
    ----------
    state
        ``state(values, solve) -> (leaf, y0)``: where the gradient arrives, and what the layer gets.
    backward
        ``backward(y1, leaves, cotangent) -> gradients``, where all rows of the cotangent are alike; None: y1
        alone is wanted.
    mode
        What the forward pass runs under.
    adjust
        ``adjust(dynamics, layer)``, before the forward pass.
    keeps_grad
        True if the backward pass may not write to the .grad of any leaf.
    """

    state: Callable[[Array, Solve], tuple[Tensor, Tensor]]
    backward: Callable[[Tensor, Leaves, Array], Gradients] | None
    mode: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    adjust: Callable[[nn.Module, object], None] | None = None
    keeps_grad: bool = False


def use(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of a layer that is used in one of these ways."""
    how = USES[solve.variation.name]
    one = prepare(layer, solve)
    if how.adjust is not None:
        how.adjust(one.dynamics, one.call)
    leaf, one.y0 = how.state(solve.problem.y0, solve)
    leaves = {"y0": leaf} if leaf.requires_grad else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning excuses nothing
        with how.mode():
            watching = Watch(one.dynamics)
            y1 = one.forward()
            changed = set(watching.changed(one.leaves, solve))
        calls = tuple(one.dynamics.trace.calls)
        stray = (
            *(["y0"] if one.y0.requires_grad and not leaves else []),
            *(["y1"] if y1.requires_grad and how.backward is None else []),
        )
        leaves.update(parameters_of(one.dynamics))
        pullbacks: tuple[Pullback, ...] = ()
        if how.backward is not None and cotangents:
            with one.dynamics.trace.backward():
                gradients = how.backward(y1, leaves, cotangents[0])
            pullbacks = (Pullback(gradients, one.dynamics.trace.of("backward")),)
            changed |= set(watching.changed(one.leaves, solve))
            if how.keeps_grad:
                changed |= {f"{name}.grad" for name, leaf in leaves.items() if leaf.grad is not None}
    changed -= CHANGED_BY_IMPORTS
    return Solution(as_numpy(y1), calls, pullbacks, changed=tuple(sorted(changed)), stray=stray)


def _variable(y0: Array, solve: Solve) -> tuple[Tensor, Tensor]:
    leaf = leaf_of(y0, solve)
    return leaf, leaf


def _data(y0: Array, solve: Solve) -> tuple[Tensor, Tensor]:
    leaf = tensor_of(y0, solve)
    return leaf, leaf


def _computed(y0: Array, solve: Solve) -> tuple[Tensor, Tensor]:
    leaf = leaf_of(y0, solve)
    return leaf, leaf * 1


def _transposed(y0: Array, solve: Solve) -> tuple[Tensor, Tensor]:
    leaf = tensor_of(y0.T.copy(), solve).T.requires_grad_()
    return leaf, leaf


def _plainly(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    return gradients_of(y1, leaves, tensor_of(cotangent, y1))


def _by_sum(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    """Sum over the batch first: all rows of the cotangent then are one row in memory."""
    loss = (y1.sum(0) * tensor_of(cotangent[0], y1)).sum()
    return gradients_of(loss, leaves, torch.ones_like(loss))


def _by_transposed_cotangent(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    loss = (y1.T * tensor_of(cotangent.T.copy(), y1)).sum()
    return gradients_of(loss, leaves, torch.ones_like(loss))


def _by_grad(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    """Ask for every second gradient, that of y0 not among them."""
    names = list(leaves)[1::2]
    found = torch.autograd.grad(y1, [leaves[name] for name in names], tensor_of(cotangent, y1))
    return {name: as_numpy(g) for name, g in zip(names, found, strict=True)}


def _by_grad_of_y0(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    (found,) = torch.autograd.grad(y1, [leaves["y0"]], tensor_of(cotangent, y1))
    return {"y0": as_numpy(found)}


def _by_adding(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    """Return the increase of gradients that were ones before the backward pass."""
    leaves["y0"].grad = torch.ones_like(leaves["y0"])
    run_backward(y1, tensor_of(cotangent, y1))
    return {name: None if leaf.grad is None else as_numpy(leaf.grad) - 1 for name, leaf in leaves.items()}


def _by_second_backward(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    run_backward(y1, tensor_of(cotangent, y1), retain_graph=True)
    return _plainly(y1, leaves, cotangent)


def _by_keeping(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    """Return the gradients of one pass after another one, which may not write where they are."""
    given = tensor_of(cotangent, y1)
    found = torch.autograd.grad(y1, list(leaves.values()), given, retain_graph=True)
    torch.autograd.grad(y1, list(leaves.values()), -given)
    return {name: as_numpy(g) for name, g in zip(leaves, found, strict=True)}


def _by_doubling_hooks(y1: Tensor, leaves: Leaves, cotangent: Array) -> Gradients:
    """Return half of what hooks that double every gradient of a parameter leave."""
    found = _plainly(y1, leaves, cotangent)
    return {name: g if g is None or name == "y0" else g / 2 for name, g in found.items()}


def _doubled(dynamics: nn.Module, _layer: object) -> None:
    for parameter in dynamics.parameters():
        parameter.register_hook(lambda gradient: 2 * gradient)  # type: ignore[no-untyped-call]


def _evaluated(dynamics: nn.Module, layer: object) -> None:
    """Put the dynamics, and the layer where it is a module, in eval mode."""
    dynamics.eval()
    if isinstance(layer, nn.Module):
        layer.eval()


def _with_gradients(dynamics: nn.Module, _layer: object) -> None:
    for parameter in dynamics.parameters():
        parameter.grad = torch.ones_like(parameter)


USES: Mapping[str, Use] = {
    "y0-is-data": Use(_data, _plainly),
    "y0-is-computed": Use(_computed, _plainly),
    "y0-is-transposed": Use(_transposed, _plainly),
    "y1-is-summed": Use(_variable, _by_sum),
    "cotangent-is-transposed": Use(_variable, _by_transposed_cotangent),
    "autograd-grad": Use(_variable, _by_grad),
    "gradient-of-y0-alone": Use(_variable, _by_grad_of_y0, keeps_grad=True),
    "accumulated": Use(_variable, _by_adding, adjust=_with_gradients),
    "second-backward": Use(_variable, _by_second_backward),
    "kept-over-another-pass": Use(_variable, _by_keeping),
    "parameter-hooks": Use(_variable, _by_doubling_hooks, adjust=_doubled),
    "eval-mode": Use(_variable, _plainly, adjust=_evaluated),
    "no-grad": Use(_variable, None, mode=torch.no_grad),
    "inference-mode": Use(_variable, None, mode=torch.inference_mode),
}
