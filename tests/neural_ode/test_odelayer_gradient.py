"""The gradients of ODELayer are right, and of the class that each adjoint claims."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.constants import EPS
from nodecheck.numerics.tableaus import TABLEAUS

ADJOINTS = ("continuous", "discrete", "checkpointed", "reversible")
TRAJECTORIES_OF_THE_TABLEAU = ("continuous", "discrete", "checkpointed")
Gradients = Callable[..., list[Tensor]]


def distance(one: list[Tensor], other: list[Tensor]) -> list[float]:
    return [(a - b).norm().item() for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize("interval", [(0.2, 1.1), (2.9, 2.0)])
@pytest.mark.parametrize("adjoint", TRAJECTORIES_OF_THE_TABLEAU)
@pytest.mark.parametrize("solver", TABLEAUS)
def test_every_gradient_converges_to_the_exact_one_at_the_order_of_the_tableau(
    solver: str, adjoint: str, interval: tuple[float, float], cosine_square: nn.Module, gradients: Gradients
) -> None:
    y0 = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64)

    class Exact(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = cosine_square

        def forward(self, y: Tensor) -> Tensor:
            out: Tensor = self.field.exact(y, *interval)
            return out

    def error(n_steps: int) -> Tensor:
        # One signed error may cross zero while it shrinks; the root of the sum over cotangents does not.
        layer = ODELayer(cosine_square, *interval, n_steps, solver=solver, adjoint=adjoint)
        squares = [
            torch.tensor(distance(gradients(layer, y0, seed), gradients(Exact(), y0, seed))) ** 2
            for seed in range(5)
        ]
        return torch.stack(squares).sum(0).sqrt()

    orders = torch.log2(error(32) / error(64))
    assert orders.min().item() >= TABLEAUS[solver].order - 0.3


@pytest.mark.parametrize("solver", TABLEAUS)
def test_the_discrete_gradient_is_that_of_the_layers_own_map(
    solver: str, network: nn.Module, y0: Tensor
) -> None:
    layer = ODELayer(network, 0.2, 1.1, 3, solver=solver, adjoint="discrete")
    names = [name for name, _ in layer.named_parameters()]

    def forward(y: Tensor, *params: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, dict(zip(names, params, strict=True)), (y,))
        return out

    leaves = [p.detach().clone().requires_grad_() for p in (y0, *layer.parameters())]
    assert torch.autograd.gradcheck(forward, leaves, fast_mode=True)


def test_the_discrete_gradient_is_backpropagation_through_a_plain_loop(
    network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = network

        def forward(self, y: Tensor) -> Tensor:
            for i in range(8):
                y = y + self.field(torch.tensor(i / 8, dtype=torch.float64), y) / 8
            return y

    plain = gradients(Loop(), y0)
    ours = gradients(ODELayer(network, n_steps=8, adjoint="discrete"), y0)
    assert max(distance(ours, plain)) <= 8 * 16 * EPS * max(g.norm().item() for g in plain)


def test_the_continuous_gradient_is_algorithm_1_by_hand(
    network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    # Chen et al. (2018), Algorithm 1 with Euler: each product is taken where the step begins, at its end.
    leaf, params, h = y0.clone().requires_grad_(), list(network.parameters()), 1 / 8
    y1 = ODELayer(network, n_steps=8)(leaf)
    cotangent = torch.randn(y1.shape, generator=torch.Generator().manual_seed(2)).to(y1)
    y, a, sums = y1.detach(), cotangent, [torch.zeros_like(p) for p in params]
    for i in range(8, 0, -1):
        y = y.detach().requires_grad_()
        k = network(torch.tensor(i / 8, dtype=torch.float64), y)
        v, *vps = torch.autograd.grad(k, (y, *params), a)
        y, a, sums = y - h * k, a + h * v, [s + h * p for s, p in zip(sums, vps, strict=True)]
    by_hand = [a, *sums]
    ours = gradients(ODELayer(network, n_steps=8), y0)
    assert max(distance(ours, by_hand)) <= 8 * 16 * EPS * max(g.norm().item() for g in by_hand)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_zero_length_interval_passes_the_cotangent_on(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    leaf = y0.clone().requires_grad_()
    ODELayer(network, 0.5, 0.5, adjoint=adjoint)(leaf).backward(y0)
    # The reversible scheme passes it on in two parts, rounded in each of the 25 steps.
    assert (leaf.grad - y0).abs().max() <= (25 * EPS if adjoint == "reversible" else 0) * y0.abs().max()
    assert all(not p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("solver", ["euler", "rk4"])
def test_a_field_without_y_passes_the_cotangent_on(solver: str, y0: Tensor) -> None:
    leaf = y0.clone().requires_grad_()
    ODELayer(lambda t, y: torch.sin(t).expand_as(y), solver=solver)(leaf).backward(y0)
    assert torch.equal(leaf.grad, y0)


def test_a_field_of_parameters_alone_has_the_elapsed_time_as_derivative() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Parameter(torch.ones(3, dtype=torch.float64))

        def forward(self, _t: Tensor, y: Tensor) -> Tensor:
            return self.c.expand_as(y)

    field = Constant()
    ODELayer(field, 0.1, 0.7, 30, solver="rk4")(torch.zeros(2, 3, dtype=torch.float64)).sum().backward()
    assert (field.c.grad - 2 * 0.6).abs().max() <= 4 * 30 * EPS


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_complex_rotation_turns_the_cotangent_back(adjoint: str) -> None:
    y0 = torch.ones(1, dtype=torch.complex128, requires_grad=True)
    ODELayer(lambda _t, y: 1j * y, n_steps=64, solver="dopri5", adjoint=adjoint)(y0).backward(
        torch.ones_like(y0)
    )
    # Order five: the error constant of exp(z) is below 1/720 per step, and there are 64.
    assert abs(y0.grad.item() - complex(math.cos(1), -math.sin(1))) <= 64 * (1 / 64) ** 6 / 720 + 64 * EPS


@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize("inside", ["flag", "copy", "neither"])
def test_a_hamiltonian_field_may_differentiate_inside(
    adjoint: str, inside: str, y0: Tensor, gradients: Gradients
) -> None:
    turn = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)

    class Hamiltonian(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stiffness = nn.Parameter(torch.tensor([0.5, 0.8, 1.3], dtype=torch.float64))

        def forward(self, _t: Tensor, y: Tensor) -> Tensor:
            if inside == "flag":
                y.requires_grad_()
            elif inside == "copy" and not y.requires_grad:
                y = y.detach().requires_grad_()
            energy = (self.stiffness * torch.cosh(y)).sum()
            (slope,) = torch.autograd.grad(energy, y, create_graph=True)
            return slope @ turn

    class ByHand(Hamiltonian):
        def forward(self, _t: Tensor, y: Tensor) -> Tensor:
            return (self.stiffness * torch.sinh(y)) @ turn

    ours, by_hand = (
        gradients(ODELayer(field, n_steps=8, solver="rk4", adjoint=adjoint), 0.3 * y0)
        for field in (Hamiltonian(), ByHand())
    )
    assert max(distance(ours, by_hand)) <= 8 * 64 * EPS * max(g.norm().item() for g in by_hand)
