"""Uses of a layer on a device, by the names of their variations: streams, graphs, precisions, defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nodecheck.backends.torch.device.accelerator import accelerator_of
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import Prepared, as_numpy, prepare, prepared, solve_plainly
from nodecheck.backends.torch.tensors import leaf_of, place, tensor_of
from nodecheck.layers import Array, Gradients, Pullback, Solution, Solve, TorchLayer
from nodecheck.results import Skip

_Context = Callable[[], AbstractContextManager[None]]


def _under(context: _Context, layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution in plain use under other settings of torch."""
    with context():
        return solve_plainly(layer, solve, cotangents)


@contextmanager
def _deterministic() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warned)


@contextmanager
def _full_products() -> Iterator[None]:
    """Compute float32 products in float32, whatever the program has allowed."""
    before, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = cudnn


def _other_default(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution on the CPU where new tensors are made on the device."""
    with torch.device(solve.device):
        return solve_plainly(layer, replace(solve, device="cpu"), cotangents)


def _second_device(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution on the second device, while the first one is the current one.

    Raises
    ------
    Skip
        If there is no second device.
    """
    if accelerator_of(solve.device).count < 2:
        message = "there is one"
        raise Skip(message)
    return solve_plainly(layer, replace(solve, device=f"{solve.device}:1"), cotangents)


def _on_side_stream(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution in a stream that is not the default one, where y0 arrives late.

    Until then it is zero: what does not wait for it, because it runs in another stream, computes with that.
    """
    one = prepare(layer, solve)
    values = _emptied(one)
    with accelerator_of(solve.device).side_stream():
        one.y0.data.copy_(values)
        y1 = one.forward()
        calls = tuple(one.dynamics.trace.calls)
        pullback = one.pull_back(y1, tensor_of(cotangents[0], y1))
        return Solution(as_numpy(y1), calls, (pullback,))


def _captured(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution that a captured graph computes of a y0 that it was not captured with."""
    one = prepare(layer, solve)
    one.dynamics.trace.reads = False
    values, leaves = _emptied(one), one.leaves
    given = tensor_of(cotangents[0], one.y0)

    def run() -> tuple[Tensor, tuple[Tensor | None, ...]]:
        y1 = one.forward()
        return y1, torch.autograd.grad(y1, list(leaves.values()), given, allow_unused=True)

    replay, (y1, found) = accelerator_of(solve.device).capture(run)
    one.y0.data.copy_(values)
    replay()
    gradients: Gradients = {
        name: None if g is None else as_numpy(g) for name, g in zip(leaves, found, strict=True)
    }
    return Solution(as_numpy(y1), (), (Pullback(gradients),))


def _emptied(one: Prepared) -> Tensor:
    """Return the values of y0, which is zero from now on."""
    values = one.y0.detach().clone()
    one.y0.data.zero_()
    return values


class _Network(Dynamics):
    """The field of the problem `neural`, with its products as autocast knows them."""

    def forward(self, t: Any, y: Tensor) -> Tensor:
        """Return W2 tanh(W1 y + u t + b1) + b2."""
        time = self.timed(t, y)
        W1, u, b1, W2, b2 = (self.parameter_at(name, time) for name in ("W1", "u", "b1", "W2", "b2"))
        return functional.linear(torch.tanh(functional.linear(y, W1, b1) + u * time), W2, b2)


def _autocast(dtype: torch.dtype, layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution whose forward pass runs under autocast; the backward pass follows outside of it."""
    dynamics = _Network(solve.problem)
    place(dynamics, solve)
    y0 = leaf_of(solve.problem.y0, solve)
    one = prepared(layer, dynamics, y0, solve)
    with torch.autocast(torch.device(solve.device).type, dtype):
        y1 = one.forward()
    calls = tuple(one.dynamics.trace.calls)
    pullback = one.pull_back(y1, tensor_of(cotangents[0], y1))
    return Solution(as_numpy(y1.float()), calls, (pullback,))


DEVICE_USES: Mapping[str, Callable[[TorchLayer, Solve, Sequence[Array]], Solution]] = {
    "deterministic-algorithms": partial(_under, _deterministic),
    "full-float32-products": partial(_under, _full_products),
    "other-default-device": _other_default,
    "second-device": _second_device,
    "side-stream": _on_side_stream,
    "captured-graph": _captured,
    "autocast-float16": partial(_autocast, torch.float16),
    "autocast-bfloat16": partial(_autocast, torch.bfloat16),
}
