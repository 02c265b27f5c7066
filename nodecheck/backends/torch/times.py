"""The times that a layer is built with: numbers, or tensors that may require a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nodecheck.layers import Solve, TorchLayer
from nodecheck.layers.layer import MEMBER_TIMES, TIME_GRADIENTS
from nodecheck.problems import Problem
from nodecheck.problems.problem import TIMES

Times = dict[str, float | Tensor]


def times_of(layer: TorchLayer, solve: Solve) -> Times:
    """Return the times of a solve in the order in which `build` takes them: ts, or t0 and t1.

    ts is a tensor.  t0 and t1 are numbers, and tensors only where a solve asks for gradients with respect to
    them, or gives each member of the batch an interval of its own: then all times have an axis of members.

    Raises
    ------
    ValueError
        If a solve asks for gradients with respect to times that `build` does not take as tensors.
    """
    wanted = frozenset(solve.wrt or ()) & frozenset(TIMES)
    taken = {"ts"} if layer.output_times else {"t0", "t1"} if TIME_GRADIENTS in layer.supports else set()
    _require(wanted, taken, layer)
    numbers = _numbers(layer, solve.problem)
    if solve.variation.name == MEMBER_TIMES:
        each = [_numbers(layer, member) for member in solve.variation.others]
        numbers = {name: [member[name] for member in each] for name in numbers}
    elif not (layer.output_times or wanted):
        return numbers
    return {
        name: torch.tensor(values, dtype=torch.float64, device=solve.device).requires_grad_(name in wanted)
        for name, values in numbers.items()
    }


def _numbers(layer: TorchLayer, problem: Problem) -> dict[str, Any]:
    """Return the times of a problem by the names of the parameters of `build`."""
    if layer.output_times:
        return {"ts": problem.ts or (problem.t0, problem.t1)}
    return {"t0": problem.t0, "t1": problem.t1}


def trained(times: Times) -> Mapping[str, Tensor]:
    """Return the times that require a gradient."""
    return {name: t for name, t in times.items() if isinstance(t, Tensor) and t.requires_grad}


def _require(wanted: frozenset[str], taken: set[str], layer: TorchLayer) -> None:
    """Raise `ValueError` if gradients are asked for of times that a layer takes as numbers, or not at all."""
    if wanted - taken:
        message = (
            f"expected gradients with respect to {', '.join(sorted(taken)) or 'no time'} of {layer.name!r}, "
            f"got {', '.join(sorted(wanted))}; t0 and t1 are tensors only with {TIME_GRADIENTS!r} in supports"
        )
        raise ValueError(message)
