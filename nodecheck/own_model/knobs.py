"""Finer settings of the solver in a user's own solve: of a library, of `ODELayer`, or by the user."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from torch import Tensor

from nodecheck.neural_ode import layer as our_layer
from nodecheck.neural_ode.method import AdaptiveSteps, FixedSteps, method_of
from nodecheck.own_model.audit import Audit, Solve
from nodecheck.own_model.finer import finer_tolerance
from nodecheck.own_model.knobs_torchdiffeq import finer_torchdiffeq
from nodecheck.own_model.knobs_torchdyn import finer_torchdyn
from nodecheck.own_model.knobs_torchode import finer_torchode

__all__ = ["Refinement"]


class Refinement:
    """The solve of an audit at ever finer settings.

    Attributes
    ----------
    used : dict
        The solvers that were seen, with their settings: "torchdiffeq dopri5, rtol 0.001, atol 0.0001".
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self.used: dict[str, None] = {}
        self._unknown: dict[str, None] = {}

    @property
    def why_unknown(self) -> str:
        """Why there is no setting that can be made finer, after the first pass; "" if there is one."""
        if self._audit.refine is not None or (self.used and not self._unknown):
            return ""
        return "; ".join(self._unknown) or "no setting of this solver is known"

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
                stack.enter_context(self._libraries(level))
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
                control, rtol=finer_tolerance(control.rtol, level), atol=finer_tolerance(control.atol, level)
            )
            return replace(method, control=finer_control)

        with mock.patch.object(our_layer, "method_of", finer):
            yield

    @contextmanager
    def _libraries(self, level: int) -> Iterator[None]:
        """Make the solvers of the libraries finer that are imported; a solve can use no others."""
        with ExitStack() as stack:
            if "torchdiffeq" in sys.modules:
                stack.enter_context(finer_torchdiffeq(level, self.used))
            if "torchode" in sys.modules:
                stack.enter_context(finer_torchode(level, self.used, self._unknown))
            if "torchdyn.numerics" in sys.modules:
                stack.enter_context(finer_torchdyn(level, self.used, self._unknown))
            yield
