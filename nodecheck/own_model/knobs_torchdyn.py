"""Finer settings of torchdyn, whose ODEs, in both passes, are solved by two functions of one module."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from nodecheck.own_model.finer import divided, finer_tolerance, listed

__all__ = ["finer_torchdyn"]


@contextmanager
def finer_torchdyn(level: int, used: dict[str, None], unknown: dict[str, None]) -> Iterator[None]:
    """Divide the tolerances of adaptive solvers, and each interval of the times of the others."""
    home = importlib.import_module("torchdyn.numerics.odeint")  # its package has a function of this name
    sensitivity = importlib.import_module("torchdyn.numerics.sensitivity")
    adaptive, fixed, spline = home._adaptive_odeint, home._fixed_odeint, sensitivity.natural_cubic_coeffs

    def finer_adaptive(
        f: Any, k1: Any, x: Any, dt: Any, t_span: Any, solver: Any, atol: Any, rtol: Any, *more: Any
    ) -> Any:
        used[f"torchdyn {type(solver).__name__}, rtol {listed(rtol)}, atol {listed(atol)}"] = None
        atol, rtol = finer_tolerance(atol, level), finer_tolerance(rtol, level)
        return adaptive(f, k1, x, dt, t_span, solver, atol, rtol, *more)

    def finer_fixed(f: Any, x: Any, t_span: Any, solver: Any, save_at: Any = (), **more: Any) -> Any:
        used[f"torchdyn {type(solver).__name__}, a step for each time"] = None
        if level:
            save_at = save_at if len(save_at) else t_span
            t_span = divided(t_span, 2**level)
        return fixed(f, x, t_span, solver, save_at=save_at, **more)

    def noted_spline(*arguments: Any, **options: Any) -> Any:
        # A smaller tolerance need not make more steps: 1e-4 was measured for rtol from 1e-3 to 1e-8.
        unknown["torchdyn's interpolated adjoint errs between its steps, which no setting bounds"] = None
        return spline(*arguments, **options)

    with ExitStack() as stack:
        for place, name, replacement in (
            (home, "_adaptive_odeint", finer_adaptive),
            (home, "_fixed_odeint", finer_fixed),
            (sensitivity, "natural_cubic_coeffs", noted_spline),
        ):
            stack.enter_context(mock.patch.object(place, name, replacement))
        for kind in _multiple_shooting():
            stack.enter_context(mock.patch.object(kind, "root_solve", _noted(kind.root_solve, unknown)))
        yield


def _multiple_shooting() -> list[Any]:
    solvers = importlib.import_module("torchdyn.numerics.solvers.ode")
    parent = solvers.MultipleShootingDiffeqSolver
    kinds = [kind for kind in vars(solvers).values() if isinstance(kind, type) and issubclass(kind, parent)]
    return [kind for kind in kinds if "root_solve" in vars(kind)]


def _noted(original: Any, unknown: dict[str, None]) -> Any:
    def root_solve(*arguments: Any, **options: Any) -> Any:
        unknown["no setting of torchdyn's multiple shooting is known"] = None
        return original(*arguments, **options)

    return root_solve
