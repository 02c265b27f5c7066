"""The times that a layer is built with: numbers, or tensors that may require a gradient."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nodecheck.layers import Solve, TorchLayer
from nodecheck.layers.layer import TIME_GRADIENTS
from nodecheck.problems.problem import TIMES

Times = dict[str, float | Tensor]


def times_of(layer: TorchLayer, solve: Solve) -> Times:
    """Return the times of a solve in the order in which `build` takes them: ts, or t0 and t1.

    ts is a tensor.  t0 and t1 are numbers, and tensors only where a solve asks for gradients with respect to
    them.

    Raises
    ------
    ValueError
        If a solve asks for gradients with respect to times that `build` does not take as tensors.
    """
    problem, wanted = solve.problem, frozenset(solve.wrt or ()) & frozenset(TIMES)
    if layer.output_times:
        _require(wanted, {"ts"}, layer)
        ts = torch.tensor(problem.ts or (problem.t0, problem.t1), dtype=torch.float64, device=solve.device)
        return {"ts": ts.requires_grad_("ts" in wanted)}
    _require(wanted, {"t0", "t1"} if TIME_GRADIENTS in layer.supports else set(), layer)
    numbers = {"t0": problem.t0, "t1": problem.t1}
    if not wanted:
        return dict(numbers)
    return {
        name: torch.tensor(t, dtype=torch.float64, device=solve.device).requires_grad_(name in wanted)
        for name, t in numbers.items()
    }


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
