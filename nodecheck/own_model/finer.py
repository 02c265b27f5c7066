"""Finer tolerances, and finer grids of times."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nodecheck.numerics.constants import EPS

__all__ = ["divided", "finer_tolerance", "listed"]

_TENFOLD = 10.0
_SMALLEST_TOLERANCE = 100 * EPS


def finer_tolerance(tol: Any, level: int) -> Any:
    """Return tolerances divided by 10^level; not below what float64 can tell from rounding."""
    if not level:
        return tol
    if isinstance(tol, Tensor):
        return (tol / _TENFOLD**level).clamp_min(_SMALLEST_TOLERANCE)
    if isinstance(tol, tuple | list):
        return type(tol)(finer_tolerance(part, level) for part in tol)
    return max(tol / _TENFOLD**level, _SMALLEST_TOLERANCE)


def divided(grid: Tensor, factor: int) -> Tensor:
    """Return the grid with each interval cut into equal parts."""
    shares = torch.arange(factor, dtype=grid.dtype, device=grid.device) / factor
    inner = grid[:-1, None] + grid.diff()[:, None] * shares
    return torch.cat([inner.reshape(-1), grid[-1:]])


def listed(tol: Any) -> str:
    """Return a tolerance as text."""
    return f"{float(tol):g}" if isinstance(tol, float | int) or _is_number(tol) else str(tol)


def _is_number(tol: Any) -> bool:
    return isinstance(tol, Tensor) and tol.numel() == 1
