"""Finer settings of the solver in a user's own solve: of torchdiffeq, of `ODELayer`, or by the user."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from nodecheck.neural_ode import layer as our_layer
from nodecheck.neural_ode.method import AdaptiveSteps, FixedSteps, method_of
from nodecheck.numerics.constants import EPS
from nodecheck.own_model.audit import Audit, Solve

__all__ = ["Refinement", "refinement_of"]

_TENFOLD = 10.0
_SMALLEST_TOLERANCE = 100 * EPS


class Refinement:
    """The solve of an audit at ever finer settings.

    Attributes
    ----------
    used : set of str
        The solvers that were seen, with their settings: "torchdiffeq dopri5, rtol 0.001, atol 0.0001".
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self.used: dict[str, None] = {}

    @property
    def known(self) -> bool:
        """True if there is a setting that can be made finer; known after the first pass."""
        return self._audit.refine is not None or bool(self.used)

    def at(self, level: int) -> Solve:
        """Return the solve with tolerances divided by 10^level, or with 2^level times the steps."""
        if self._audit.refine is not None:
            return self._audit.refine(level) if level else self._audit.solve

        def solve(dynamics: Any, y0: Any, t: Tensor) -> Any:
            return self._audit.solve(dynamics, y0, t)

        return solve

    @contextmanager
    def settings(self, level: int) -> Iterator[None]:
        """Make the solvers of libraries finer inside the block, in both passes."""
        with ExitStack() as stack:
            if self._audit.refine is None:
                stack.enter_context(self._ours(level))
                stack.enter_context(self._torchdiffeq(level))
            yield

    @contextmanager
    def _ours(self, level: int) -> Iterator[None]:
        def finer(*arguments: Any) -> FixedSteps | AdaptiveSteps:
            method = method_of(*arguments)
            self.used[f"ODELayer, {method}"] = None
            if isinstance(method, FixedSteps):
                return replace(method, n_steps=method.n_steps * 2**level)
            control = method.control
            finer_control = replace(
                control, rtol=_finer(control.rtol, level), atol=_finer(control.atol, level)
            )
            return replace(method, control=finer_control)

        with mock.patch.object(our_layer, "method_of", finer):
            yield

    @contextmanager
    def _torchdiffeq(self, level: int) -> Iterator[None]:
        """Replace the solvers in torchdiffeq's table by the same ones with finer settings."""
        if "torchdiffeq" not in sys.modules:
            yield
            return
        table = importlib.import_module("torchdiffeq._impl.odeint").SOLVERS
        finer = {name: self._finer_solver(name, kind, level) for name, kind in table.items()}
        with mock.patch.dict(table, finer):
            yield

    def _finer_solver(self, name: str, kind: Callable[..., Any], level: int) -> Callable[..., Any]:
        fixed = importlib.import_module("torchdiffeq._impl.solvers").FixedGridODESolver
        adaptive = not (isinstance(kind, type) and issubclass(kind, fixed))

        def build(*, func: Any, y0: Any, rtol: Any, atol: Any, **options: Any) -> Any:
            setting = f"rtol {_listed(rtol)}, atol {_listed(atol)}" if adaptive else _steps(options)
            self.used[f"torchdiffeq {name}, {setting}"] = None
            if adaptive:
                rtol, atol = _finer(rtol, level), _finer(atol, level)
            else:
                options = _finer_grid(options, 2**level)
            return kind(func=func, y0=y0, rtol=rtol, atol=atol, **options)

        if isinstance(kind, type):  # torchdiffeq asks the class what it can do
            for attribute in ("valid_callbacks",):
                if hasattr(kind, attribute):
                    setattr(build, attribute, getattr(kind, attribute))
        return build


def refinement_of(audit: Audit) -> Refinement:
    """Return the refinement of an audit."""
    return Refinement(audit)


def _finer(tol: Any, level: int) -> Any:
    """Return tolerances divided by 10^level; not below what float64 can tell from rounding."""
    if not level:
        return tol
    if isinstance(tol, Tensor):
        return (tol / _TENFOLD**level).clamp_min(_SMALLEST_TOLERANCE)
    if isinstance(tol, tuple | list):
        return type(tol)(_finer(part, level) for part in tol)
    return max(tol / _TENFOLD**level, _SMALLEST_TOLERANCE)


def _finer_grid(options: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return options of a solver on a grid, whose steps are divided."""
    if factor == 1:
        return options
    if options.get("step_size") is not None:
        return {**options, "step_size": options["step_size"] / factor}
    coarse = options.get("grid_constructor") or (lambda _func, _y0, t: t)
    return {**options, "grid_constructor": lambda func, y0, t: _divided(coarse(func, y0, t), factor)}


def _divided(grid: Tensor, factor: int) -> Tensor:
    """Return the grid with each interval cut into equal parts."""
    shares = torch.arange(factor, dtype=grid.dtype, device=grid.device) / factor
    inner = grid[:-1, None] + grid.diff()[:, None] * shares
    return torch.cat([inner.reshape(-1), grid[-1:]])


def _listed(tol: Any) -> str:
    return f"{tol:g}" if isinstance(tol, float | int) else str(tol)


def _steps(options: dict[str, Any]) -> str:
    step = options.get("step_size")
    return f"steps of {float(step):g}" if step is not None else "a step for each output"
