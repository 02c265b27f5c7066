"""Our own solver on the same ladder as a layer: where it does not show its order, nothing is decided."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import torch

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import Adjoint, Array, ForwardRun, GradientRun, LayerUnderTest, TorchLayer
from nodecheck.measure.convergence import Ladder
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics import control_margin
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import Inconclusive

_SOLVER_OF_ORDER = {1: "euler", 2: "heun", 3: "ralston3", 4: "rk4", 5: "dopri5"}


class OwnLayer(LayerUnderTest):
    """A layer of ours: unlike others it may be given more axes, so one pass serves all cotangents."""

    def gradients(self, problem: Problem, resolution: float, count: int | None = None) -> list[GradientRun]:
        """Return the gradients for the first `count` cotangents of the problem."""
        cotangents = self.cotangents(problem, count)
        key = ("gradients", problem, resolution, len(cotangents))
        y1, runs = self.once(key, lambda: self._side_by_side(problem, resolution, cotangents))
        self._forward.setdefault((problem, resolution), y1)
        return runs

    def _side_by_side(
        self, problem: Problem, resolution: float, cotangents: tuple[Array, ...]
    ) -> tuple[ForwardRun, list[GradientRun]]:
        """Solve copies of the problem, one for each cotangent and each with parameters of its own."""
        axes = (len(cotangents), 1)
        params = {name: np.broadcast_to(p, (*axes, *p.shape)) for name, p in problem.params.items()}
        dynamics = Dynamics(problem.replace(params=params))
        y0 = torch.tensor(np.tile(problem.y0, (len(cotangents), 1, 1)), requires_grad=True)
        y1 = self.claims.build(dynamics, problem.t0, problem.t1, n_steps=resolution)(y0)
        with dynamics.trace.backward():
            y1.backward(torch.tensor(np.stack(cotangents)))  # type: ignore[no-untyped-call]
        grads = {name: p.grad for name, p in dynamics.named_parameters()}
        found = {"y0": y0.grad} | {name: None if g is None else g[:, 0] for name, g in grads.items()}
        calls = dynamics.trace.calls
        forward = ForwardRun(y1[0].detach().numpy(), tuple(c for c in calls if c.phase == "forward"))
        backward = tuple(c for c in calls if c.phase == "backward")
        return forward, [
            GradientRun({n: None if g is None else g[k].numpy() for n, g in found.items()}, backward)
            for k in range(len(cotangents))
        ]


@functools.lru_cache
def own_layer(solver: str | ButcherTableau, adjoint: Adjoint, profile: Profile, seed: int) -> OwnLayer:
    """Return our own layer with this solver, examined once for all the layers it is the control of."""
    tableau = TABLEAUS[solver] if isinstance(solver, str) else solver
    layer = TorchLayer(
        f"own-{tableau.name}-{adjoint}",
        lambda dynamics, t0, t1, n_steps: ODELayer(
            dynamics, t0, t1, n_steps, solver=tableau, adjoint=adjoint
        ),
        order=tableau.order,
        adjoint=adjoint,
    )
    return OwnLayer(layer, profile, seed)


def control(layer: LayerUnderTest, order: int, adjoint: Adjoint | None = None) -> OwnLayer | None:
    """Return our own layer of the same order, or None above order five."""
    if order not in _SOLVER_OF_ORDER:
        return None
    kind = adjoint or layer.claims.adjoint or "discrete"
    return own_layer(_SOLVER_OF_ORDER[order], kind, layer.profile, layer.seed)


def shows(ladder: Ladder, order: int) -> bool:
    """Return whether a ladder of our own solver of this order shows it, and so can judge a layer."""
    return ladder.fit.exact or abs(ladder.fit.slope - order) <= control_margin(order)


def asymptotic(ladders: Mapping[str, Ladder], order: int, problem: Problem) -> tuple[str, ...]:
    """Return the names of our own solver's ladders that show its order: only those can judge a layer.

    Raises
    ------
    Inconclusive
        If there are none.
    """
    clear = tuple(name for name, ladder in ladders.items() if shows(ladder, order))
    if not clear:
        slopes = ", ".join(f"{ladder.fit.slope:z.2f} for {name}" for name, ladder in ladders.items())
        message = (
            f"{problem.name} decides nothing on this ladder: our own solver of order {order} shows {slopes}"
        )
        raise Inconclusive(message)
    return clear
