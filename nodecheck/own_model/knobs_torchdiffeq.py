"""Finer settings of torchdiffeq, for calls of any of its functions."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from torch import Tensor

from nodecheck.own_model.finer import divided, finer_tolerance, listed

__all__ = ["finer_torchdiffeq"]


@contextmanager
def finer_torchdiffeq(level: int, used: dict[str, None]) -> Iterator[None]:
    """Replace the solvers in torchdiffeq's table by the same ones with finer settings."""
    table = importlib.import_module("torchdiffeq._impl.odeint").SOLVERS
    finer = {name: _finer_solver(name, kind, level, used) for name, kind in table.items()}
    with mock.patch.dict(table, finer):
        yield


def _finer_solver(
    name: str, kind: Callable[..., Any], level: int, used: dict[str, None]
) -> Callable[..., Any]:
    fixed = importlib.import_module("torchdiffeq._impl.solvers").FixedGridODESolver
    adaptive = not (isinstance(kind, type) and issubclass(kind, fixed))

    def build(*, func: Any, y0: Any, rtol: Any, atol: Any, **options: Any) -> Any:
        setting = f"rtol {listed(rtol)}, atol {listed(atol)}" if adaptive else _steps(options)
        used[f"torchdiffeq {name}, {setting}"] = None
        if adaptive:
            rtol, atol = finer_tolerance(rtol, level), finer_tolerance(atol, level)
        else:
            options = _finer_grid(options, 2**level)
        return kind(func=func, y0=y0, rtol=rtol, atol=atol, **options)

    if isinstance(kind, type):  # torchdiffeq asks the class what it can do
        for attribute in ("valid_callbacks",):
            if hasattr(kind, attribute):
                setattr(build, attribute, getattr(kind, attribute))
    return build


def _finer_grid(options: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return options of a solver on a grid, whose steps are divided."""
    if factor == 1:
        return options
    if options.get("step_size") is not None:
        return {**options, "step_size": options["step_size"] / factor}
    coarse: Callable[..., Tensor] = options.get("grid_constructor") or (lambda _func, _y0, t: t)
    return {**options, "grid_constructor": lambda func, y0, t: divided(coarse(func, y0, t), factor)}


def _steps(options: dict[str, Any]) -> str:
    step = options.get("step_size")
    return f"steps of {float(step):g}" if step is not None else "a step for each output"
