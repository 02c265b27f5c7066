"""A layer used again, twice at a time, or with parameters that are not involved."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import Array, Gradients, TorchLayer
from nodecheck.layers.layer import as_numpy, built, checked, gradients_of
from nodecheck.problems import Problem

_NOTHING: Mapping[str, Array] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Passed:
    """What a layer returned in one of several passes: y1, the gradients, and y1 under `torch.no_grad`."""

    y1: Array
    gradients: Gradients
    without_graph: Array | None


def use_again(
    layer: TorchLayer, problems: Sequence[Problem], resolution: float, cotangent: Array
) -> list[Passed]:
    """Build the layer once and use it on several problems that differ in their numbers only.

    As in training: parameters that change are changed in place between the passes, and an evaluation under
    `torch.no_grad` follows each but the first.  A problem with the y0 of the one before is given the same
    tensor.
    """
    dynamics = Dynamics(problems[0])
    solve = built(layer, dynamics, problems[0], resolution)
    y0 = torch.tensor(problems[0].y0, requires_grad=True)
    passes = []
    for k, problem in enumerate(problems):
        with torch.no_grad():
            for name, parameter in dynamics.named_parameters():
                if not np.array_equal(as_numpy(parameter), problem.params[name]):
                    parameter.copy_(torch.tensor(problem.params[name]))
        if not np.array_equal(as_numpy(y0), problem.y0):
            y0 = torch.tensor(problem.y0, requires_grad=True)
        y1 = checked(solve(y0), y0)
        gradients = gradients_of(y1, {"y0": y0, **dict(dynamics.named_parameters())}, cotangent)
        again = _without_graph(solve, y0) if k else None
        passes.append(Passed(as_numpy(y1), gradients, again))
    return passes


def _without_graph(solve: Callable[[Tensor], Tensor], y0: Tensor) -> Array:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # checkpoints warn that there is nothing to differentiate
        return as_numpy(checked(solve(y0), y0))


def overlap(
    layer: TorchLayer, problems: Sequence[Problem], resolution: float, cotangent: Array
) -> list[dict[str, Array | None]]:
    """Build the layer once, run forward on every problem, then backward in the same order.

    The problems differ in y0 only.  Returns the gradients of each pass.
    """
    dynamics = Dynamics(problems[0])
    solve = built(layer, dynamics, problems[0], resolution)
    states = [torch.tensor(problem.y0, requires_grad=True) for problem in problems]
    outputs = [checked(solve(y0), y0) for y0 in states]
    return [
        gradients_of(y1, {"y0": y0, **dict(dynamics.named_parameters())}, cotangent)
        for y0, y1 in zip(states, outputs, strict=True)
    ]


def with_uninvolved(
    layer: TorchLayer,
    problem: Problem,
    resolution: float,
    cotangent: Array,
    *,
    frozen: Sequence[str] = (),
    before: Mapping[str, Array] = _NOTHING,
    after: Mapping[str, Array] = _NOTHING,
) -> dict[str, Array | None]:
    """Return the gradients of a layer whose dynamics has parameters that nothing depends on.

    Parameters
    ----------
    frozen
        Names of parameters of the problem that do not require a gradient.
    before, after
        Values of parameters that the field does not use, registered before and after those of the problem.
    """
    dynamics = Dynamics(problem)
    own = dict(dynamics.named_parameters())
    for name in own:
        own[name].requires_grad_(name not in frozen)
        delattr(dynamics, name)
    unused = [{name: nn.Parameter(torch.tensor(v)) for name, v in group.items()} for group in (before, after)]
    parameters = {**unused[0], **own, **unused[1]}
    for name, parameter in parameters.items():
        dynamics.register_parameter(name, parameter)
    y0 = torch.tensor(problem.y0, requires_grad=True)
    y1 = checked(built(layer, dynamics, problem, resolution)(y0), y0)
    return gradients_of(y1, {"y0": y0, **parameters}, cotangent)
