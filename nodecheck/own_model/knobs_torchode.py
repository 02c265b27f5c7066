"""Finer settings of torchode: every adjoint, forward and backward, is solved by `AutoDiffAdjoint.solve`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from nodecheck.own_model.finer import finer_tolerance, listed

__all__ = ["finer_torchode"]


@contextmanager
def finer_torchode(level: int, used: dict[str, None], unknown: dict[str, None]) -> Iterator[None]:
    """Divide the tolerances of the controller of every solve, or its first step where it keeps that."""
    torchode = importlib.import_module("torchode")
    adjoint, fixed = torchode.AutoDiffAdjoint, torchode.FixedStepController
    original = adjoint.solve

    def solve(self: Any, problem: Any, term: Any = None, dt0: Any = None, args: Any = None) -> Any:
        controller, method = self.step_size_controller, type(self.step_method).__name__
        if isinstance(controller, fixed):
            used[f"torchode {method}, equal steps"] = None
            return original(self, problem, term, None if dt0 is None else dt0 / 2**level, args)
        if not (hasattr(controller, "rtol") and hasattr(controller, "atol")):
            unknown[f"no tolerance of torchode's {type(controller).__name__} is known"] = None
            return original(self, problem, term, dt0, args)
        rtol, atol = controller.rtol, controller.atol
        used[f"torchode {method}, rtol {listed(rtol)}, atol {listed(atol)}"] = None
        try:
            controller.rtol, controller.atol = finer_tolerance(rtol, level), finer_tolerance(atol, level)
            return _complete(original(self, problem, term, dt0, args), level)
        finally:
            controller.rtol, controller.atol = rtol, atol

    with mock.patch.object(adjoint, "solve", solve):
        yield


def _complete(solution: Any, level: int) -> Any:
    """Return the solution of a finer solve; torchode returns one that is not complete without an error."""
    if level and bool((solution.status != 0).any()):
        message = f"torchode ends a finer solve with status {solution.status.max().item()}"
        raise RuntimeError(message)
    return solution
