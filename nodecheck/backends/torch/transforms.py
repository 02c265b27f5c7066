"""Uses of a layer under function transforms of `torch.func`, by the names of their variations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, func

from nodecheck.backends.torch.passes import Prepared, as_numpy, gradients_of, prepare
from nodecheck.backends.torch.tensors import tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer

_Transformed = tuple[Tensor, Mapping[str, Array | None]]
_Transform = Callable[[Prepared, Tensor], _Transformed]


def use_transform(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of a layer under one of these transforms."""
    one = prepare(layer, solve)
    given = tensor_of(cotangents[0], solve)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning excuses nothing
        y1, gradients = TRANSFORMS[solve.variation.name](one, given)
    return Solution(as_numpy(y1), tuple(one.dynamics.trace.calls), (Pullback(dict(gradients)),))


def _solved(one: Prepared, y0: Tensor) -> Tensor:
    return one.read(one.call(y0), y0)[0]


def _vmapped(one: Prepared, cotangent: Tensor) -> _Transformed:
    """Return y1 and all gradients of the last of two batches that are mapped over."""
    batches = torch.stack([one.y0.detach().flip(0), one.y0])
    y1 = func.vmap(lambda y: _solved(one, y))(batches)[1]
    return y1, gradients_of(y1, one.leaves, cotangent)


def _functional_gradient(one: Prepared, cotangent: Tensor) -> _Transformed:
    """Return y1 and the gradient of y0 by `torch.func.vjp`."""
    y1, pull, *_ = func.vjp(lambda y: _solved(one, y), one.y0.detach())
    (gradient,) = pull(cotangent)
    return y1, {"y0": as_numpy(gradient)}


def _forward_mode(one: Prepared, cotangent: Tensor) -> _Transformed:
    """Return y1 and the gradient of y0 by `torch.func.jvp`: one tangent for each component, of all members.

    Members do not interact, so the tangents of all of them are found at once.
    """
    y0, columns = one.y0.detach(), []
    y1 = y0
    for component in torch.eye(y0.shape[-1], dtype=y0.dtype, device=y0.device):
        y1, tangent, *_ = func.jvp(lambda y: _solved(one, y), (y0,), (component.expand_as(y0).clone(),))
        columns.append((tangent * cotangent).sum(-1))
    return y1, {"y0": as_numpy(torch.stack(columns, dim=-1))}


TRANSFORMS: Mapping[str, _Transform] = {
    "vmap": _vmapped,
    "functional-gradient": _functional_gradient,
    "forward-mode": _forward_mode,
}
