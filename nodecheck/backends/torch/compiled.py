"""A layer under `torch.compile`, without machine code: its graphs are traced, and run by PyTorch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nodecheck.backends.torch.dynamics import Dynamics, time_beside
from nodecheck.backends.torch.passes import as_numpy, gradients_of, prepared
from nodecheck.backends.torch.tensors import leaf_of, place, tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.layers.layer import COMPILE
from nodecheck.numerics.constants import MOST_GRAPHS_OF_A_FRAME
from nodecheck.results import Skip

COMPILED = (COMPILE,)
_LOGGERS = ("torch._dynamo", "torch._functorch", "torch.fx")
_Compile = Callable[[Callable[[Tensor], Any]], Callable[[Tensor], Any]]


class _Unrecorded(Dynamics):
    """The dynamics without a record of its calls: that would end a graph at each of them."""

    def timed(self, t: Any, y: Tensor) -> Tensor:
        """Return the time as a tensor beside y."""
        return time_beside(t, y)


def use_compiled(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of a layer whose call is compiled; what cannot be traced runs as it is.

    Raises
    ------
    Skip
        If nothing was traced: then plain use is all that was tried.
    """
    dynamics = _Unrecorded(solve.problem)
    place(dynamics, solve)
    one = prepared(layer, dynamics, leaf_of(solve.problem.y0, solve), solve)
    with _compiler() as (compiled, graphs):
        y1 = one.read(compiled(lambda y0: one.call(y0))(one.y0), one.y0)[0]
        gradients = gradients_of(y1, one.leaves, tensor_of(cotangents[0], solve))
    if not graphs:
        message = "torch.compile traces no operation of the layer"
        raise Skip(message)
    return Solution(as_numpy(y1), (), (Pullback(gradients),))


@contextmanager
def _compiler() -> Iterator[tuple[_Compile, list[None]]]:
    """Return `torch.compile`, and a list of one entry for each graph that it makes; nothing of them is kept.

    What was compiled before is forgotten as well: it is compiled again where it is used again.
    """
    import torch._dynamo  # takes a second
    from torch._dynamo.backends.debugging import aot_eager

    graphs: list[None] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        graphs.append(None)
        return aot_eager(graph, inputs)

    torch._dynamo.reset()
    try:
        with _quiet(), torch._dynamo.config.patch(_limit()):
            yield lambda call: torch.compile(call, backend=backend), graphs
    finally:
        torch._dynamo.reset()


def _limit() -> dict[str, int]:
    """Return the setting that ends the compilation of a frame which changes from call to call."""
    config = torch._dynamo.config
    name = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"  # before torch 2.6
    return {name: MOST_GRAPHS_OF_A_FRAME}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the compiler says of graphs that end early: it is not asked for whole ones."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
