"""Repeated, overlapping and partial use of a layer, by the names of the variations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import (
    Prepared,
    as_numpy,
    built,
    gradients_of,
    parameters_of,
    prepare,
    prepared,
    reader_of_all,
)
from nodecheck.backends.torch.tensors import dynamics_of, leaf_of, tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.problems import Problem

# Values of parameters that the field does not use, registered before and after those of the problem: more
# than one entry each, and of sizes that no parameter of the problem has, so that nothing lines up by chance.
_UNUSED_BEFORE: Mapping[str, Array] = {"unused_before": np.full((2, 7), 0.5)}
_UNUSED_AFTER: Mapping[str, Array] = {"unused_after": np.full(11, 0.5)}


def use_again(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Build the layer once, use it on the other problems in turn, and then on the problem of the solve.

    As in training: parameters that change are changed in place between the passes, and an evaluation under
    `torch.no_grad` follows each but the first.  A problem with the y0 of the one before is given the same
    tensor.
    """
    problems = (*solve.variation.others, solve.problem)
    first = replace(solve, problem=problems[0])
    dynamics = dynamics_of(first)
    call, read = built(layer, dynamics, first), reader_of_all(layer, first.problem)
    y0 = leaf_of(problems[0].y0, solve)
    found = []
    for k, problem in enumerate(problems):
        _set_parameters(dynamics, problem)
        if not np.array_equal(as_numpy(y0), problem.y0):
            y0 = leaf_of(problem.y0, solve)
        dynamics.trace.calls.clear()
        one = Prepared(dynamics, y0, call, read)
        y1 = one.forward()
        calls = dynamics.trace.of("forward")
        pullback = one.pull_back(y1, tensor_of(cotangents[0], y1))
        again = _without_graph(one) if k else None
        found.append(Solution(as_numpy(y1), calls, (pullback,), without_graph=again))
    return replace(found[-1], others=tuple(found[:-1]))


def _set_parameters(dynamics: Dynamics, problem: Problem) -> None:
    with torch.no_grad():
        for name, parameter in dynamics.named_parameters():
            if not np.array_equal(as_numpy(parameter), problem.params[name]):
                parameter.copy_(tensor_of(problem.params[name], parameter))


def _without_graph(one: Prepared) -> Array:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # checkpoints warn that there is nothing to differentiate
        return as_numpy(one.forward())


def overlap_passes(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Build the layer once, run forward on the problem and on the others, then backward in the same order.

    The problems differ in y0 only.
    """
    one = prepare(layer, solve)
    parameters = parameters_of(one.dynamics)
    states = [one.y0, *(leaf_of(other.y0, solve) for other in solve.variation.others)]
    outputs = [one.read(one.call(y0), y0)[0] for y0 in states]
    calls = tuple(one.dynamics.trace.calls)
    found = [
        Solution(
            as_numpy(y1),
            calls,
            (Pullback(gradients_of(y1, {"y0": y0, **parameters}, tensor_of(cotangents[0], y1))),),
        )
        for y0, y1 in zip(states, outputs, strict=True)
    ]
    return replace(found[0], others=tuple(found[1:]))


def overlap_layers(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Run forward on the problem, then with other layers on the others, then backward on the problem."""
    one = prepare(layer, solve)
    y1 = one.forward()
    calls = tuple(one.dynamics.trace.calls)
    kept = []  # what is alive in a model that holds both layers
    for other in solve.variation.others:
        second = prepare(layer, Solve(other, solve.resolution, dtype=solve.dtype, device=solve.device))
        kept.append((second, second.forward()))
    pullback = one.pull_back(y1, tensor_of(cotangents[0], y1))
    return Solution(as_numpy(y1), calls, (pullback,))


def use_with_unused(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Give the dynamics parameters that nothing depends on, before and after those of the problem."""
    dynamics = dynamics_of(solve)
    own = dict(dynamics.named_parameters())
    for name in own:
        delattr(dynamics, name)
    before, after = (_parameters(values, solve) for values in (_UNUSED_BEFORE, _UNUSED_AFTER))
    for name, parameter in (before | own | after).items():
        dynamics.register_parameter(name, parameter)
    y0 = leaf_of(solve.problem.y0, solve)
    one = prepared(layer, dynamics, y0, solve)
    y1 = one.forward()
    calls = tuple(dynamics.trace.calls)
    return Solution(as_numpy(y1), calls, (one.pull_back(y1, tensor_of(cotangents[0], y1)),))


def _parameters(values: Mapping[str, Array], solve: Solve) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(tensor_of(value, solve)) for name, value in values.items()}


REUSES: Mapping[str, Callable[[TorchLayer, Solve, Sequence[Array]], Solution]] = {
    "used-again": use_again,
    "overlapping-passes": overlap_passes,
    "overlapping-layers": overlap_layers,
    "unused-parameters": use_with_unused,
}
