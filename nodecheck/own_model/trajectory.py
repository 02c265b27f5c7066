"""The exact state as a function of time, between the ends and shortly beyond them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from nodecheck.numerics.audit_constants import BEYOND_THE_ENDS, TANGENT_TOLERANCE
from nodecheck.own_model.audit import Task
from nodecheck.own_model.field import field_of
from nodecheck.own_model.states import State

__all__ = ["Trajectory"]

Array = np.ndarray[Any, Any]


class Trajectory:
    """The exact state at a time; beyond the ends it goes on a little, as adaptive solvers do.

    Parameters
    ----------
    task : Task
        In float64.
    dense : function
        The numbers of the joined state at a time between the ends; more may follow behind them.
    """

    def __init__(self, task: Task, dense: Callable[[float], Array]) -> None:
        y0 = task.layout.join(task.y0)
        self._task, self._dense, self._shape, self._n = task, dense, y0.shape, y0.numel()
        self._beyond: dict[float, Callable[[float], Array]] = {}

    def __call__(self, t: float) -> State:
        """Return the state in the user's own form."""
        return self._task.layout.split(self.joined(t))

    def joined(self, t: float) -> Tensor:
        """Return the state as a matrix."""
        return torch.from_numpy(self._numbers(t)[: self._n].copy()).view(self._shape)

    def _numbers(self, t: float) -> Array:
        first, last = self._task.times[0], self._task.times[-1]
        share = (t - first) / (last - first)
        if 0.0 <= share <= 1.0:
            return self._dense(t)
        width = BEYOND_THE_ENDS * (last - first)
        end, limit = (last, last + width) if share > 1.0 else (first, first - width)
        if end not in self._beyond:
            self._beyond[end] = self._extended(end, limit)
        return self._beyond[end](min(max(t, min(end, limit)), max(end, limit)))

    def _extended(self, end: float, limit: float) -> Callable[[float], Array]:
        """Return the continuation beyond one end; the state at the end where there is none."""
        state, field = self._dense(end)[: self._n], field_of(self._task)

        def slope(t: float, y: Array) -> Array:
            matrix = torch.from_numpy(y.copy()).view(self._shape)
            with torch.no_grad():
                value: Array = field(torch.tensor(t, dtype=matrix.dtype), matrix).reshape(-1).numpy()
            return value

        found: Any = solve_ivp(
            slope,
            (end, limit),
            state,
            method="DOP853",
            rtol=TANGENT_TOLERANCE,
            atol=TANGENT_TOLERANCE,
            dense_output=True,
        )
        if not (found.success and np.isfinite(found.y).all()):
            return lambda _: state
        continued: Callable[[float], Array] = found.sol
        return continued
