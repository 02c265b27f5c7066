"""Uses of a layer whose state is a pair, by the names of their variations."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nodecheck.backends.torch.pairs import JoinedPair, Pair, split
from nodecheck.backends.torch.passes import as_numpy, leaf_gradients, prepare
from nodecheck.backends.torch.tensors import tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.layers.pair import PARTS


@dataclass(frozen=True)
class PairUse:
    """The parts of y0 that require a gradient, and the parts of y1 that are in the loss, by their numbers."""

    trained: tuple[int, ...] = (0, 1)
    in_loss: tuple[int, ...] = (0, 1)


PAIR_USES: Mapping[str, PairUse] = {
    **{f"{part}-part-is-data": PairUse(trained=(1 - k,)) for k, part in enumerate(PARTS)},
    **{f"{part}-part-in-loss": PairUse(in_loss=(k,)) for k, part in enumerate(PARTS)},
}


def use_part(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of a layer that is used in one of these ways."""
    how = PAIR_USES[solve.variation.name]
    one = prepare(layer, solve)
    assert isinstance(one.call, JoinedPair)
    given = _given(split(one.y0), how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning excuses nothing
        y1 = one.call.final(given)
        calls = tuple(one.dynamics.trace.calls)
        with one.dynamics.trace.backward():
            gradients = leaf_gradients(one.leaves, lambda: _run_backward(y1, cotangents[0], how))
    pullbacks = (Pullback(gradients, one.dynamics.trace.of("backward")),)
    return Solution(as_numpy(torch.cat(y1, dim=-1)), calls, pullbacks)


def _given(parts: Pair, how: PairUse) -> Pair:
    first, second = (part if k in how.trained else part.detach() for k, part in enumerate(parts))
    return first, second


def _run_backward(y1: Pair, cotangent: Array, how: PairUse) -> None:
    """Run one backward pass from the parts in the loss that are not detached."""
    given: tuple[Tensor, ...] = split(tensor_of(cotangent, y1[0]))
    used = [k for k in how.in_loss if y1[k].requires_grad]
    if used:
        torch.autograd.backward([y1[k] for k in used], [given[k] for k in used])
