"""The exact trajectory, and the derivative of the exact loss along a direction, both by SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from nodecheck.numerics.audit_constants import (
    AMPLIFICATION_LIMIT,
    TANGENT_SHARE,
    TANGENT_TOLERANCE,
)
from nodecheck.own_model.audit import Task
from nodecheck.own_model.field import directional_derivative
from nodecheck.own_model.reference import Reference
from nodecheck.own_model.states import State, parts
from nodecheck.own_model.trajectory import Trajectory
from nodecheck.problems.modules.copies import copied

__all__ = ["Tangent", "tangent_along"]


@dataclass(frozen=True)
class Tangent:
    """The solution of y' = f(t, y) and of its derivative along a change of the parameters.

    Attributes
    ----------
    derivative : float
        The derivative of the loss along the direction.
    gap : float
        Its difference to the product of reference gradient and direction, relative to the gradient's norm.
    at : function
        The exact state at a time, also shortly beyond the ends.
    growth : float
        The factor by which the backward solve amplifies a small error at the last time.
    """

    derivative: float
    gap: float
    at: Callable[[float], State]
    growth: float


def tangent_along(task: Task, reference: Reference, *, seed: int = 0) -> Tangent:
    """Return the tangent along a random direction of the parameters, each tensor of unit length.

    The field and its directional derivative are integrated by SciPy's DOP853, which shares nothing with the
    reference but the field.
    """
    task = replace(task, dynamics=copied(task.dynamics))  # its calls are not those of the user's solve
    generator = torch.Generator().manual_seed(seed)
    direction = {
        name: _unit(g, generator) for name, g in reference.gradient.items() if name in task.parameters
    }
    derivative = directional_derivative(task, direction)
    y0 = task.layout.join(task.y0)
    n = y0.numel()

    def slope(t: float, z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        y, dy = (torch.from_numpy(half.copy()).view_as(y0) for half in (z[:n], z[n:]))
        value, change = derivative(t, y, dy)
        joined: np.ndarray[Any, Any] = torch.cat([value.reshape(-1), change.reshape(-1)]).numpy()
        return joined

    start = np.concatenate([y0.reshape(-1).numpy(), np.zeros(n)])
    ts, tol = task.times, max(TANGENT_TOLERANCE, TANGENT_SHARE * reference.error)
    solution: Any = solve_ivp(
        slope,
        (ts[0], ts[-1]),
        start,
        method="DOP853",
        rtol=tol,
        atol=tol,
        dense_output=True,
    )
    final = parts(reference.cotangent)[0].ndim == len(task.layout.shapes[0])
    tangents = [torch.from_numpy(solution.sol(t)[n:]).view_as(y0) for t in (ts[-1:] if final else ts)]
    found = sum(_paired(task, reference.cotangent, k, dy, final=final) for k, dy in enumerate(tangents))
    expected = sum(float((reference.gradient[name] * v).sum()) for name, v in direction.items())
    size = math.sqrt(sum(float(g.square().sum()) for g in reference.gradient.values()))
    trajectory = Trajectory(task, solution.sol)
    return Tangent(
        derivative=found,
        gap=abs(found - expected) / size if size else 0.0,
        at=trajectory,
        growth=_growth(task, trajectory, seed),
    )


def _unit(like: Tensor, generator: torch.Generator) -> Tensor:
    v = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    unit: Tensor = v / v.norm().clamp_min(torch.finfo(v.dtype).tiny)
    return unit


def _paired(task: Task, cotangent: State, k: int, tangent: Tensor, *, final: bool) -> float:
    """Return the product of the cotangent at one output with a tangent there."""
    moved = parts(task.layout.split(tangent))
    weights = [w if final else w[k] for w in parts(cotangent)]
    return sum(float((w.double() * v).sum()) for w, v in zip(weights, moved, strict=True))


def _growth(task: Task, trajectory: Trajectory, seed: int) -> float:
    """Return the growth of a random unit perturbation, carried from the last time back to the first."""
    generator = torch.Generator().manual_seed(seed)
    shape = task.layout.join(task.y0).shape
    start = _unit(torch.zeros(shape), generator)

    def slope(t: float, d: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        _, change = without_parameters(t, trajectory.joined(t), torch.from_numpy(d.copy()).view(shape))
        rate: np.ndarray[Any, Any] = change.reshape(-1).numpy()
        return rate

    def too_large(_: float, d: np.ndarray[Any, Any]) -> float:
        return float(AMPLIFICATION_LIMIT - np.abs(d).max())

    without_parameters = directional_derivative(task, {})
    too_large.terminal = True  # type: ignore[attr-defined]
    solved: Any = solve_ivp(
        slope, (task.times[-1], task.times[0]), start.reshape(-1).numpy(), method="RK45", events=too_large
    )
    return float(np.abs(solved.y).max(initial=0.0) if not solved.success else np.linalg.norm(solved.y[:, -1]))
