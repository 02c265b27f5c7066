"""The reversible scheme: its map is the published one, can be undone, and has its own gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer, Segment
from nodecheck.neural_ode.explicit import walk
from nodecheck.neural_ode.reversible import integrate_pair
from nodecheck.numerics.constants import EPS
from nodecheck.numerics.constants import REVERSIBLE_COUPLING as COUPLING
from nodecheck.numerics.tableaus import TABLEAUS

EVEN = [name for name, method in TABLEAUS.items() if method.order % 2 == 0]
Gradients = Callable[..., list[Tensor]]


def step(field: nn.Module, solver: str, t: float, h: float, y: Tensor) -> Tensor:
    """Return y after one step of the tableau itself."""
    return walk(field, y, Segment(t, t + h, 1), range(1), TABLEAUS[solver].rounded)


def by_hand(field: nn.Module, solver: str, interval: tuple[float, float], n: int, y0: Tensor) -> Tensor:
    """Return y and z after n steps; McCallum & Foster (2024)."""
    (t0, t1), y, z = interval, y0, y0
    h = (t1 - t0) / n
    for i in range(n):
        t = t0 + i * h
        y = COUPLING * y + (1 - COUPLING) * z + (step(field, solver, t, h, z) - z)
        z = z - (step(field, solver, t + h, -h, y) - y)
    return torch.stack((y, z))


@pytest.mark.parametrize("interval", [(0.2, 1.1), (1.1, 0.2)])
@pytest.mark.parametrize("solver", TABLEAUS)
def test_the_solution_is_that_of_the_published_formula(
    solver: str, interval: tuple[float, float], network: nn.Module, y0: Tensor
) -> None:
    y1 = ODELayer(network, *interval, 8, solver=solver, adjoint="reversible")(y0)
    expected = by_hand(network, solver, interval, 8, y0)[0]
    assert (y1 - expected).abs().max() <= 8 * 32 * EPS * expected.abs().max()


@pytest.mark.parametrize("n_steps", [1, 8, 1000])
@pytest.mark.parametrize("solver", ["euler", "heun", "dopri5"])
def test_the_steps_can_be_undone_up_to_amplified_rounding(
    solver: str, n_steps: int, network: nn.Module, y0: Tensor
) -> None:
    h, method = 0.9 / n_steps, solver
    y, z = integrate_pair(network, torch.stack((y0, y0)), [Segment(0.2, 1.1, n_steps)], TABLEAUS[solver])[
        0
    ].unbind()
    for i in reversed(range(n_steps)):
        t = 0.2 + i * h
        z = z + (step(network, method, t + h, -h, y) - y)
        y = (y - (1 - COUPLING) * z - (step(network, method, t, h, z) - z)) / COUPLING
    # Some twenty roundings of a size-one state in each step, and each is amplified by the later steps.
    bound = 20 * n_steps * EPS * COUPLING**-n_steps * y0.abs().max()
    assert max((y - y0).abs().max(), (z - y0).abs().max()) <= bound


@pytest.mark.parametrize("solver", TABLEAUS)
@pytest.mark.parametrize("n_steps", [1, 7, 300])
def test_the_gradient_is_backpropagation_through_the_scheme(
    solver: str, n_steps: int, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = network

        def forward(self, y: Tensor) -> Tensor:
            return by_hand(network, solver, (0.2, 1.1), n_steps, y)[0]

    plain = gradients(Plain(), y0)
    ours = gradients(ODELayer(network, 0.2, 1.1, n_steps, solver=solver, adjoint="reversible"), y0)
    bound = 64 * n_steps * EPS * COUPLING**-n_steps * max(g.norm().item() for g in plain)
    assert max((a - b).norm().item() for a, b in zip(ours, plain, strict=True)) <= bound


def test_the_gradient_through_intermediate_outputs_is_backpropagation_too(
    network: nn.Module, y0: Tensor
) -> None:
    segments = [Segment(0.0, 0.0, 0), Segment(0.0, 0.5, 5), Segment(0.5, 0.5, 0), Segment(0.5, 1.0, 5)]
    found, wanted = [], list(network.parameters())
    for ours in (True, False):
        leaf = y0.clone().requires_grad_()
        if ours:
            layer = ODELayer(network, n_steps=10, solver="heun", adjoint="reversible")
            y = layer.solve(leaf, [0.0, 0.5, 0.5, 1.0])
        else:
            pairs = integrate_pair(network, torch.stack((leaf, leaf)), segments, TABLEAUS["heun"])
            y = torch.stack([pair[0] for pair in pairs])
        found.append(torch.autograd.grad(y.pow(3).sum(), [leaf, *wanted]))
    largest = max(g.norm() for g in found[1])
    assert all((a - b).norm() <= 10 * 64 * EPS * largest for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("interval", [(0.2, 1.1), (2.9, 2.0)])
@pytest.mark.parametrize("solver", EVEN)
def test_solution_and_gradient_converge_at_the_order_of_an_even_tableau(
    solver: str, interval: tuple[float, float], cosine_square: nn.Module
) -> None:
    # At an odd order, the leading errors of the two halves of a step cancel in part, and the order is higher.
    y0 = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64)

    def values(solve: Callable[[Tensor], Tensor]) -> Tensor:
        leaf = y0.clone().requires_grad_()
        y1 = solve(leaf)
        parts = [y1.detach(), *torch.autograd.grad(y1.pow(2).sum(), [leaf, cosine_square.theta])]
        return torch.cat([part.reshape(-1) for part in parts])

    exact = values(lambda y: cosine_square.exact(y, *interval))
    errors = [
        values(ODELayer(cosine_square, *interval, n, solver=solver, adjoint="reversible")) - exact
        for n in (32, 64)
    ]
    order = torch.log2(errors[0].norm() / errors[1].norm()).item()
    assert abs(order - TABLEAUS[solver].order) <= 0.2


def saved(layer: ODELayer, y0: Tensor) -> int:
    total = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(y0)
    return total


@pytest.mark.parametrize("n_steps", [1, 10, 1000])
def test_two_states_are_saved_and_the_parameters(n_steps: int, network: nn.Module, y0: Tensor) -> None:
    numbers = 2 * y0.numel() + sum(p.numel() for p in network.parameters())
    assert saved(ODELayer(network, n_steps=n_steps, adjoint="reversible"), y0) == 8 * numbers


def test_each_pass_evaluates_the_field_twice_per_stage(y0: Tensor) -> None:
    calls = []
    field = lambda t, y: calls.append(float(t)) or torch.sin(y)  # noqa: E731
    y1 = ODELayer(field, n_steps=10, solver="heun", adjoint="reversible")(y0.requires_grad_())
    forward = len(calls)
    y1.sum().backward()
    assert (forward, len(calls)) == (40, 80)


def test_no_stage_leaves_the_interval(y0: Tensor) -> None:
    calls = []
    field = lambda t, y: calls.append(float(t)) or torch.sin(y)  # noqa: E731
    layer = ODELayer(field, 0.1, 0.7, 49, solver="rk4", adjoint="reversible")
    layer(y0.requires_grad_()).sum().backward()
    assert (min(calls), max(calls)) == (0.1, 0.7)


def test_an_output_changed_in_place_changes_no_gradient(network: nn.Module, y0: Tensor) -> None:
    layer, leaf = ODELayer(network, adjoint="reversible"), y0.clone().requires_grad_()
    (plain,) = torch.autograd.grad(2 * layer(leaf).sum(), leaf)
    (edited,) = torch.autograd.grad(layer(leaf).mul_(2).sum(), leaf)
    assert torch.equal(plain, edited)


def test_the_output_holds_no_memory_but_its_own(network: nn.Module, y0: Tensor) -> None:
    y1 = ODELayer(network, adjoint="reversible")(y0).detach()
    assert y1.untyped_storage().nbytes() == y1.numel() * y1.element_size()


@pytest.mark.parametrize("adjoint", ["continuous", "reversible"])
def test_a_refusal_names_the_adjoint_that_refuses(adjoint: str, y0: Tensor) -> None:
    with pytest.raises(RuntimeError, match=f"^adjoint='{adjoint}' expects"):
        ODELayer(lambda _t, y: y * torch.rand(()), adjoint=adjoint)(y0)


def test_a_strong_contraction_is_beyond_the_scheme() -> None:
    # The other growth factor of a step is lambda exp(10 h): what h^2 it starts from has grown by exp(10).
    errors = [
        abs(ODELayer(lambda _t, y: -10 * y, n_steps=400, solver="heun", adjoint=adjoint)(y).item() - exact)
        for adjoint in ("discrete", "reversible")
        for y, exact in [(torch.ones(1, dtype=torch.float64), math.exp(-10))]
    ]
    assert errors[0] < 1e-7 < 1e-3 < errors[1]


@pytest.mark.parametrize("solver", TABLEAUS)
def test_the_two_growth_factors_of_a_step_have_the_coupling_as_product(solver: str) -> None:
    columns = [
        integrate_pair(lambda _t, y: -0.7 * y, start, [Segment(0.0, 0.5, 1)], TABLEAUS[solver])[0]
        for start in torch.eye(2, dtype=torch.float64)
    ]
    assert abs(torch.linalg.det(torch.stack(columns)).item() - COUPLING) <= 16 * EPS
