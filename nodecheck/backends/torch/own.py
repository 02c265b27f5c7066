"""Nodecheck's own layer as a control: one pass serves all cotangents."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import as_numpy, built, parameters_of, reader, run_backward
from nodecheck.backends.torch.tensors import leaf_of, place, tensor_of
from nodecheck.layers import Adjoint, Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.tableau import ButcherTableau


class OwnLayer(TorchLayer):
    """A layer of ours: unlike others it may be given states and parameters with more axes."""


@functools.lru_cache
def own_layer(tableau: ButcherTableau, adjoint: Adjoint) -> OwnLayer:
    """Return our own layer with a Runge-Kutta method."""

    def build(dynamics: nn.Module, ts: Tensor, n_steps: int) -> Callable[[Tensor], Tensor]:
        layer = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver=tableau, adjoint=adjoint)
        return lambda y0: layer.solve(y0, ts)

    return OwnLayer(
        f"own-{tableau.name}-{adjoint}",
        build,
        order=tableau.order,
        adjoint=adjoint,
    )


def solve_side_by_side(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Solve copies of the problem, one for each cotangent and each with parameters of its own."""
    problem, count = solve.problem, len(cotangents)
    params = {name: np.broadcast_to(p, (count, 1, *p.shape)) for name, p in problem.params.items()}
    dynamics = Dynamics(problem.replace(params=params))
    place(dynamics, solve)
    y0 = leaf_of(np.tile(problem.y0, (count, 1, 1)), solve)
    output = reader(layer, problem)(built(layer, dynamics, solve)(y0), y0)
    axis = output.ndim - y0.ndim  # that of the copies: behind that of times, where there is one
    with dynamics.trace.backward():
        run_backward(output, tensor_of(np.stack(cotangents, axis=axis), output))
    grads = {group: p.grad for group, p in parameters_of(dynamics).items()}
    found = {"y0": y0.grad} | {group: None if g is None else g[:, 0] for group, g in grads.items()}
    backward = dynamics.trace.of("backward")
    pullbacks = tuple(
        Pullback({n: None if g is None else g[k].numpy() for n, g in found.items()}, backward)
        for k in range(count)
    )
    first = as_numpy(output.select(axis, 0))
    return Solution(first, dynamics.trace.of("forward"), pullbacks)
