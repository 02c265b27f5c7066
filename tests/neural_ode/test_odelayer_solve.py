"""The solution at requested times, and the backward trajectory."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.constants import EPS

ADJOINTS = ("continuous", "discrete", "checkpointed", "reversible")
Gradients = Callable[..., list[Tensor]]
adjoints = pytest.mark.parametrize("adjoint", ADJOINTS)


class At(nn.Module):
    """A layer's solution at fixed times, as a module of y0."""

    def __init__(self, layer: ODELayer, ts: list[float]) -> None:
        super().__init__()
        self.layer, self.ts = layer, ts

    def forward(self, y0: Tensor) -> Tensor:
        return self.layer.solve(y0, self.ts)


@adjoints
def test_the_solution_at_the_end_is_the_output(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    layer = ODELayer(network, 0.2, 1.1, adjoint=adjoint)
    assert torch.equal(layer.solve(y0, [1.1])[-1], layer(y0))


@adjoints
def test_the_solution_at_the_start_is_y0(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    assert torch.equal(ODELayer(network, adjoint=adjoint).solve(y0, [0.0, 0.5])[0], y0)


def test_the_shape_is_times_by_state(network: nn.Module, y0: Tensor) -> None:
    assert ODELayer(network).solve(y0, torch.tensor([0.1, 0.5, 0.5])).shape == (3, 4, 3)


def test_every_requested_time_is_hit_exactly() -> None:
    ts = [0.013, 0.37, 0.7]
    field = lambda _t, y: torch.ones_like(y)  # noqa: E731
    found = ODELayer(field, n_steps=10).solve(torch.zeros((), dtype=torch.float64), ts)
    assert (found - torch.tensor(ts, dtype=torch.float64)).abs().max() <= 10 * EPS


def test_a_repeated_time_repeats_the_state(network: nn.Module, y0: Tensor) -> None:
    found = ODELayer(network).solve(y0, [0.3, 0.3])
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize("interval", [(0.2, 1.1), (1.1, 0.2)])
@adjoints
def test_gradients_through_every_output_converge_to_the_exact_ones(
    adjoint: str, interval: tuple[float, float], cosine_square: nn.Module, gradients: Gradients
) -> None:
    t0, t1 = interval
    ts = [t0, 0.75 * t0 + 0.25 * t1, 0.5 * t0 + 0.5 * t1, t1]
    y0 = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64)

    class Exact(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = cosine_square

        def forward(self, y: Tensor) -> Tensor:
            return torch.stack([self.field.exact(y, t0, t) for t in ts])

    exact = gradients(Exact(), y0)
    errors = [
        max(
            (a - b).norm().item()
            for a, b in zip(
                gradients(At(ODELayer(cosine_square, t0, t1, n, solver="rk4", adjoint=adjoint), ts), y0),
                exact,
                strict=True,
            )
        )
        for n in (16, 32)
    ]
    assert math.log2(errors[0] / errors[1]) >= 3.7


@adjoints
def test_a_loss_at_the_start_alone_gives_y0_its_cotangent(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    leaf = y0.clone().requires_grad_()
    (ODELayer(network, adjoint=adjoint).solve(leaf, [0.0, 1.0])[0] * y0).sum().backward()
    assert torch.equal(leaf.grad, y0)
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())


def test_the_backward_pass_restarts_from_every_output() -> None:
    # dy/dt = -20 y^3 contracts: backwards from y(1) alone, twenty Euler steps lose the trajectory.
    k, y0 = 20.0, torch.ones(1, dtype=torch.float64, requires_grad=True)
    layer = ODELayer(lambda _t, y: -k * y**3, n_steps=400)
    ts = [i / 40 for i in range(1, 41)]
    (many,) = torch.autograd.grad(layer.solve(y0, ts)[-1], y0)
    (one,) = torch.autograd.grad(layer(y0), y0)
    exact = (1 + 2 * k) ** -1.5
    assert abs(many.item() - exact) < abs(one.item() - exact) / 2


@adjoints
def test_an_output_changed_in_place_changes_no_gradient(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    layer, leaf = ODELayer(network, adjoint=adjoint), y0.clone().requires_grad_()
    (plain,) = torch.autograd.grad(2 * layer.solve(leaf, [0.5, 1.0]).sum(), leaf)
    (edited,) = torch.autograd.grad(layer.solve(leaf, [0.5, 1.0]).mul_(2).sum(), leaf)
    assert torch.equal(plain, edited)


@pytest.mark.parametrize(
    ("ts", "message"),
    [
        (torch.zeros(2, 2), r"one dimension, got shape \(2, 2\)"),
        ([float("inf")], r"ts\[0\] must be finite"),
    ],
)
def test_times_of_the_wrong_kind_are_refused(ts: object, message: str, network: nn.Module) -> None:
    with pytest.raises(ValueError, match=message):
        ODELayer(network).solve(torch.zeros(1, 3), ts)


def test_the_trajectory_ends_at_the_gradients_of_the_layer(
    network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    layer = ODELayer(network, 0.2, 1.1, 6, solver="rk4")
    cotangent = torch.randn(y0.shape, generator=torch.Generator().manual_seed(2)).to(y0)
    found = layer.backward_trajectory(y0, cotangent)
    last = [found.a[-1], *(history[-1] for history in found.param_grads.values())]
    assert all(
        (a - b).norm() <= 6 * 16 * EPS * b.norm() for a, b in zip(last, gradients(layer, y0), strict=True)
    )


def test_the_trajectory_begins_at_the_output_and_its_cotangent(network: nn.Module, y0: Tensor) -> None:
    layer = ODELayer(network, 0.2, 1.1, 6)
    found = layer.backward_trajectory(y0, 2 * y0)
    assert torch.equal(found.y[0], layer(y0))
    assert torch.equal(found.a[0], 2 * y0)
    assert not any(history[0].any() for history in found.param_grads.values())


def test_the_trajectory_runs_from_t1_to_t0_in_n_steps(network: nn.Module, y0: Tensor) -> None:
    found = ODELayer(network, 0.2, 1.1, 6).backward_trajectory(y0, y0)
    assert (found.t[0].item(), found.t[-1].item(), found.t.shape) == (1.1, 0.2, (7,))
    assert (found.y.shape, found.a.shape) == ((7, 4, 3), (7, 4, 3))
    shapes = {name: tuple(history.shape) for name, history in found.param_grads.items()}
    assert shapes == {name: (7, *p.shape) for name, p in network.named_parameters()}


def test_the_trajectory_carries_no_graph(network: nn.Module, y0: Tensor) -> None:
    found = ODELayer(network).backward_trajectory(y0.requires_grad_(), y0)
    assert not any(x.requires_grad for x in (found.t, found.y, found.a, *found.param_grads.values()))


def test_looking_at_a_trajectory_does_not_change_the_layer(y0: Tensor) -> None:
    norm = nn.BatchNorm1d(3, dtype=torch.float64)
    ODELayer(lambda _t, y: y).backward_trajectory(y0, y0)

    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = norm

        def forward(self, t: Tensor, y: Tensor) -> Tensor:
            return self.norm(y) * t

    ODELayer(Normed()).backward_trajectory(y0, y0)
    assert norm.num_batches_tracked.item() == 0


def test_a_cotangent_of_another_shape_is_refused(network: nn.Module, y0: Tensor) -> None:
    with pytest.raises(ValueError, match=r"shape of y0, \(4, 3\), got \(3,\); pass"):
        ODELayer(network).backward_trajectory(y0, y0[0])
