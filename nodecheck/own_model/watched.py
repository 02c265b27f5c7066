"""A user's solve that can be replaced by an exact one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.own_model.audit import Solve
from nodecheck.own_model.field import FieldOfMatrices
from nodecheck.own_model.states import State, layout_of

__all__ = ["ExactSolve", "WatchedSolve", "watch"]


@dataclass(frozen=True)
class ExactSolve:
    """Our own layer at a tight tolerance, with the gradient of its steps.

    It runs in the dtype of the training, in the place of a solve: gradients reach y0 and the parameters of
    the dynamics.
    """

    tol: float
    max_steps: int = 2000

    def __call__(self, dynamics: nn.Module, y0: State, t: Tensor, *, final: bool) -> State:
        """Return the states at the times t, or the last one alone."""
        layout = layout_of(y0)
        times = t.detach().tolist()
        layer = ODELayer(
            FieldOfMatrices(dynamics, layout),
            times[0],
            times[-1],
            solver="dopri5",
            adjoint="discrete",
            rtol=self.tol,
            atol=self.tol,
            max_steps=self.max_steps,
        )
        states = layer.solve(layout.join(y0), times)
        return layout.split(states[-1] if final else states)


class WatchedSolve:
    """``solve(dynamics, y0, t)`` of a user, and an exact one in its place inside `replaced`."""

    def __init__(self, solve: Solve) -> None:
        self._solve = solve
        self._exact: ExactSolve | None = None
        self._final = False
        self.calls = 0
        self.dynamics: list[nn.Module] = []

    def __call__(self, dynamics: nn.Module, y0: State, t: Tensor) -> State:
        """Return the states, (len(t), *y0.shape) or the last one, as the user's solve does."""
        self.calls += 1
        if self._exact is not None:
            return self._exact(dynamics, y0, t, final=self._final)
        if not any(dynamics is known for known in self.dynamics):
            self.dynamics.append(dynamics)
        states = self._solve(dynamics, y0, t)
        self._final = layout_of(y0).is_final(states)
        return states

    @contextmanager
    def replaced(self, exact: ExactSolve) -> Iterator[None]:
        """Solve exactly inside the block."""
        self._exact = exact
        try:
            yield
        finally:
            self._exact = None


def watch(solve: Solve) -> WatchedSolve:
    """Return a solve that a `GradientMonitor` can replace by an exact one.

    Parameters
    ----------
    solve : function
        ``solve(dynamics, y0, t)`` as for `nodecheck.Audit`.
    """
    if not callable(solve):
        message = (
            f"solve must be a function of (dynamics, y0, t), got {type(solve).__name__}; "
            "see help(nodecheck.Audit)"
        )
        raise TypeError(message)
    return WatchedSolve(solve)
