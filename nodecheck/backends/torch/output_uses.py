"""Uses of what a layer returns, by the names of their variations: changed in place, kept over a call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from nodecheck.backends.torch.passes import Prepared, as_numpy, prepare
from nodecheck.backends.torch.tensors import tensor_of
from nodecheck.layers import Array, Solution, Solve, TorchLayer
from nodecheck.layers.layer import PAIR
from nodecheck.results import Skip


def use_output(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of a layer whose output is used in one of these ways.

    Raises
    ------
    Skip
        If nodecheck joins the parts of the output: then it is a copy that would be changed.
    """
    if layer.output == PAIR:
        message = "the parts of the output are joined first, so a copy would be changed"
        raise Skip(message)
    one = prepare(layer, solve)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning excuses nothing
        return OUTPUT_USES[solve.variation.name](one, solve, cotangents[0])


def _factors(solve: Solve) -> Array:
    """Return a power of two for each output, no two of them equal; of one output, two."""
    if not solve.problem.ts:
        return np.array(2.0)
    return np.asarray(2.0 ** np.arange(1, 1 + len(solve.problem.ts)).reshape(-1, 1, 1))


def _changed(one: Prepared, solve: Solve, cotangent: Array) -> Solution:
    """Multiply each output by another power of two, in place, and divide its cotangent by that.

    Outputs that share memory are multiplied more than once.
    """
    y1, factors = one.forward(), _factors(solve)
    calls = tuple(one.dynamics.trace.calls)
    for place, factor in enumerate(np.ravel(factors)):
        (y1[place] if solve.problem.ts else y1).mul_(float(factor))
    seen = as_numpy(y1) / factors
    pullback = one.pull_back(y1, tensor_of(cotangent / factors, solve))
    return Solution(seen, calls, (pullback,), changed=_inputs_changed(one.y0, solve))


def _kept(one: Prepared, solve: Solve, _cotangent: Array) -> Solution:
    """Call the layer again with another y0, then with y0 as before, and once more with that result zeroed.

    Nothing is recorded.  The solution is that of the first call, and names what was changed afterwards.
    """
    with torch.no_grad():
        first = one.forward()
        calls, before = tuple(one.dynamics.trace.calls), as_numpy(first)
        one.read(one.call(one.y0.flip(0)), one.y0)
        changed = [] if np.array_equal(as_numpy(first), before) else ["what was returned"]
        again = one.forward()
        expected = as_numpy(again)
        again.zero_()
        inputs = _inputs_changed(one.y0, solve)
        if not inputs and not np.array_equal(as_numpy(one.forward()), expected):
            changed.append("what the next call returns")
    return Solution(before, calls, changed=(*changed, *inputs))


def _inputs_changed(y0: Tensor, solve: Solve) -> tuple[str, ...]:
    return () if np.array_equal(as_numpy(y0), solve.problem.y0) else ("y0",)


OUTPUT_USES: Mapping[str, Callable[[Prepared, Solve, Array], Solution]] = {
    "outputs-changed": _changed,
    "outputs-kept": _kept,
}
