"""A use of a layer whose loss is on the log-determinant, alone or beside the state."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from nodecheck.backends.torch.passes import Prepared, as_numpy, leaf_gradients, prepare
from nodecheck.backends.torch.settings import isolated
from nodecheck.backends.torch.tensors import tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer


def solve_with_log_det(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array] = ()) -> Solution:
    """Return the solution with the log-determinant as the last component of y1; so it is in cotangents.

    The generators are seeded before the layer is built, so a layer that draws noise draws the same in each
    pass, wherever it does.  An output whose cotangent is zero is left out of the loss.
    """
    found = []
    for cotangent in cotangents or (None,):
        with nullcontext() if solve.seed is None else isolated(solve.seed):
            found.append(_one_pass(prepare(layer, solve), cotangent))
    pullbacks = tuple(pullback for one in found for pullback in one.pullbacks)
    return replace(found[0], pullbacks=pullbacks)


def _one_pass(one: Prepared, cotangent: Array | None) -> Solution:
    y1, log_det = one.forward_with_log_det()
    assert log_det is not None
    calls = tuple(one.dynamics.trace.calls)
    values = as_numpy(torch.cat([y1, log_det[..., None]], dim=-1))
    if cotangent is None:
        return Solution(values, calls, device=str(y1.device))
    given = tensor_of(cotangent, y1)
    pairs = [(y1, given[..., :-1]), (log_det, given[..., -1].to(log_det))]
    with one.dynamics.trace.backward():
        gradients = leaf_gradients(one.leaves, lambda: _run_backward(pairs))
    pullback = Pullback(gradients, one.dynamics.trace.of("backward"))
    return Solution(values, calls, (pullback,), device=str(y1.device))


def _run_backward(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Run one backward pass from all outputs that are in the loss and not detached."""
    used = [(output, cotangent) for output, cotangent in pairs if cotangent.any() and output.requires_grad]
    if used:
        torch.autograd.backward([output for output, _ in used], [cotangent for _, cotangent in used])
