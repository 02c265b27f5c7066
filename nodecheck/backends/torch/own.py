"""Nodecheck's own layer as a control: one pass serves all cotangents."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import parameters_of
from nodecheck.layers import Adjoint, Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.tableau import ButcherTableau


class OwnLayer(TorchLayer):
    """A layer of ours: unlike others it may be given states and parameters with more axes."""


@functools.lru_cache
def own_layer(tableau: ButcherTableau, adjoint: Adjoint) -> OwnLayer:
    """Return our own layer with a Runge-Kutta method."""
    return OwnLayer(
        f"own-{tableau.name}-{adjoint}",
        lambda dynamics, t0, t1, n_steps: ODELayer(
            dynamics, t0, t1, n_steps, solver=tableau, adjoint=adjoint
        ),
        order=tableau.order,
        adjoint=adjoint,
    )


def solve_side_by_side(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Solve copies of the problem, one for each cotangent and each with parameters of its own."""
    problem, count = solve.problem, len(cotangents)
    params = {name: np.broadcast_to(p, (count, 1, *p.shape)) for name, p in problem.params.items()}
    dynamics = Dynamics(problem.replace(params=params))
    y0 = torch.tensor(np.tile(problem.y0, (count, 1, 1)), requires_grad=True)
    y1 = layer.build(dynamics, problem.t0, problem.t1, n_steps=solve.resolution)(y0)
    with dynamics.trace.backward():
        y1.backward(torch.tensor(np.stack(cotangents)))  # type: ignore[no-untyped-call]
    grads = {group: p.grad for group, p in parameters_of(dynamics).items()}
    found = {"y0": y0.grad} | {group: None if g is None else g[:, 0] for group, g in grads.items()}
    backward = dynamics.trace.of("backward")
    pullbacks = tuple(
        Pullback({n: None if g is None else g[k].numpy() for n, g in found.items()}, backward)
        for k in range(count)
    )
    return Solution(y1[0].detach().numpy(), dynamics.trace.of("forward"), pullbacks)
