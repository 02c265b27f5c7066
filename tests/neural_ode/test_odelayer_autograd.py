"""ODELayer under autograd: hooks, second backward passes, layouts, second derivatives, saved tensors."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.constants import EPS

ADJOINTS = ("continuous", "discrete", "checkpointed", "reversible")
Gradients = Callable[..., list[Tensor]]
adjoints = pytest.mark.parametrize("adjoint", ADJOINTS)
without_trajectory = pytest.mark.parametrize("adjoint", ["continuous", "reversible"])


@adjoints
def test_a_parameter_hook_fires_once(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    fired = []
    for p in network.parameters():
        p.register_hook(lambda g: fired.append(g.shape))
    ODELayer(network, solver="rk4", adjoint=adjoint)(y0).sum().backward()
    assert len(fired) == 4


@adjoints
def test_a_doubling_hook_doubles(adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    before = gradients(layer, y0)[1]
    network.inner.weight.register_hook(lambda g: 2 * g)
    assert torch.equal(gradients(layer, y0)[1], 2 * before)


@adjoints
def test_post_accumulate_hooks_fire_once(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    fired = []
    network.inner.weight.register_post_accumulate_grad_hook(lambda p: fired.append(p.shape))
    ODELayer(network, adjoint=adjoint)(y0).sum().backward()
    assert len(fired) == 1


@adjoints
def test_a_second_backward_is_bitwise_the_same(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    y1 = ODELayer(network, solver="rk4", adjoint=adjoint)(y0)
    wanted = list(network.parameters())
    first = torch.autograd.grad(y1.sum(), wanted, retain_graph=True)
    second = torch.autograd.grad(y1.sum(), wanted)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@adjoints
def test_interleaved_calls_do_not_mix(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    layer, (a, b) = ODELayer(network, adjoint=adjoint), (y0.clone(), y0[:2] + 1)
    alone = torch.autograd.grad(layer(a.requires_grad_()).sum(), a)[0]
    one, _ = layer(a), layer(b)
    assert torch.equal(torch.autograd.grad(one.sum(), a)[0], alone)


@adjoints
@pytest.mark.parametrize("layout", ["expanded", "transposed", "strided"])
def test_a_cotangent_of_any_layout_counts_the_same(
    adjoint: str, layout: str, network: nn.Module, y0: Tensor
) -> None:
    leaf = y0.clone().requires_grad_()
    cotangent = {
        "expanded": torch.ones((), dtype=torch.float64).expand(4, 3),
        "transposed": y0.reshape(3, 4).t(),
        "strided": torch.cat([y0, y0], 1)[:, ::2],
    }[layout]
    y1 = ODELayer(network, adjoint=adjoint)(leaf)
    (odd,) = torch.autograd.grad(y1, leaf, cotangent, retain_graph=True)
    (plain,) = torch.autograd.grad(y1, leaf, cotangent.contiguous())
    assert (odd - plain).abs().max() <= 25 * 16 * EPS * plain.abs().max()


@adjoints
def test_a_state_that_is_not_contiguous_counts_the_same(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    odd, plain = gradients(layer, y0.t().contiguous().t()), gradients(layer, y0)
    assert all((a - b).norm() <= 25 * 16 * EPS * b.norm() for a, b in zip(odd, plain, strict=True))


@adjoints
def test_nothing_of_the_callers_is_changed(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    layer, cotangent = ODELayer(network, solver="heun", adjoint=adjoint), y0.flip(0).clone()
    tensors = [y0, cotangent, *network.parameters()]
    before = [t.detach().clone() for t in tensors]
    versions, rng, flag = [t._version for t in tensors], torch.get_rng_state(), y0.requires_grad
    layer(y0).backward(cotangent)
    assert [t._version for t in tensors] == versions
    assert all(torch.equal(a, b) for a, b in zip(tensors, before, strict=True))
    assert torch.equal(torch.get_rng_state(), rng)
    assert (y0.requires_grad, torch.is_grad_enabled(), torch.get_default_dtype()) == (
        flag,
        True,
        torch.float32,
    )


@adjoints
def test_a_cotangent_passed_on_is_not_added_to(adjoint: str, y0: Tensor) -> None:
    leaf, cotangent = y0.clone().requires_grad_(), torch.ones_like(y0)
    layer = ODELayer(lambda t, y: t.expand_as(y), adjoint=adjoint)
    for _ in range(2):
        layer(leaf).backward(cotangent)
    assert torch.equal(leaf.grad, 2 * torch.ones_like(y0))
    assert torch.equal(cotangent, torch.ones_like(y0))


def test_an_output_changed_in_place_is_a_loud_error(network: nn.Module, y0: Tensor) -> None:
    y1 = ODELayer(network)(y0)
    y1.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y1.sum().backward()


@adjoints
def test_a_parameter_changed_in_place_is_a_loud_error(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    y1 = ODELayer(network, adjoint=adjoint)(y0)
    with torch.no_grad():
        network.outer.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y1.sum().backward()


def gradient_penalty(layer: nn.Module, y0: Tensor) -> Tensor:
    """Return a loss whose second term is a function of a first derivative."""
    leaf = y0.clone().requires_grad_()
    loss = layer(leaf).pow(2).sum()
    (g,) = torch.autograd.grad(loss, leaf, create_graph=True)
    total: Tensor = loss + 10 * g.pow(2).sum()
    return total


@without_trajectory
def test_a_gradient_penalty_is_refused_without_a_trajectory(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    loss = gradient_penalty(ODELayer(network, adjoint=adjoint), y0)
    with pytest.raises(RuntimeError, match=r"expects to be differentiated once, .* use adjoint='discrete'"):
        loss.backward()


@without_trajectory
def test_a_penalty_on_a_parameter_gradient_is_refused_when_y0_needs_none(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    y1 = ODELayer(network, adjoint=adjoint)(y0)
    # The cotangent of a sum requires no grad: once_differentiable would drop the penalty here.
    (g,) = torch.autograd.grad(y1.sum(), network.outer.bias, create_graph=True)
    assert g.requires_grad
    with pytest.raises(RuntimeError, match="expects to be differentiated once"):
        (y1.sum() + g.pow(2).sum()).backward()


@pytest.mark.parametrize("adjoint", ["discrete", "checkpointed"])
def test_a_gradient_penalty_is_differentiated_where_the_trajectory_is_known(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    layer = ODELayer(network, n_steps=4, adjoint=adjoint)
    bias = network.outer.bias
    (found,) = torch.autograd.grad(gradient_penalty(layer, y0), bias)
    step, differences = 1e-5, torch.zeros_like(bias)
    for i in range(len(bias)):
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                bias[i] += sign * step
            losses.append(gradient_penalty(layer, y0).item())
            with torch.no_grad():
                bias[i] -= sign * step
        differences[i] = (losses[0] - losses[1]) / (2 * step)
    assert (found - differences).norm() <= 1e-6 * found.norm()


@adjoints
def test_create_graph_does_not_change_the_first_derivative(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    wanted, y1 = list(network.parameters()), ODELayer(network, adjoint=adjoint)(y0)
    plain = torch.autograd.grad(y1.sum(), wanted, retain_graph=True)
    recorded = torch.autograd.grad(y1.sum(), wanted, create_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


def saved_bytes(layer: nn.Module, y0: Tensor) -> int:
    total = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(y0)
    return total


@without_trajectory
def test_without_a_trajectory_as_much_is_saved_for_many_steps_as_for_few(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    few, many = (
        saved_bytes(ODELayer(network, n_steps=n, solver="rk4", adjoint=adjoint), y0) for n in (2, 64)
    )
    assert few == many


def test_the_continuous_adjoint_saves_the_end_state_and_the_parameters(
    network: nn.Module, y0: Tensor
) -> None:
    numbers = y0.numel() + sum(p.numel() for p in network.parameters())
    assert saved_bytes(ODELayer(network), y0) == 8 * numbers


@adjoints
def test_an_output_without_backward_is_freed_without_the_collector(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    gc.collect()
    gc.disable()
    try:
        alive = weakref.ref(ODELayer(network, adjoint=adjoint)(y0))
        assert alive() is None
    finally:
        gc.enable()
