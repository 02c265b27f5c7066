"""Backpropagation with checkpoints: the gradient of the discrete adjoint, with less memory."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.tableaus import TABLEAUS

Gradients = Callable[..., list[Tensor]]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10, 25])
@pytest.mark.parametrize("solver", TABLEAUS)
def test_the_gradient_is_bitwise_that_of_the_discrete_adjoint(
    solver: str, n_steps: int, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    one, other = (
        gradients(ODELayer(network, 0.2, 1.1, n_steps, solver=solver, adjoint=adjoint), y0)
        for adjoint in ("checkpointed", "discrete")
    )
    assert same(one, other)


def test_the_gradient_through_intermediate_outputs_is_bitwise_the_same(
    network: nn.Module, y0: Tensor
) -> None:
    found = []
    for adjoint in ("checkpointed", "discrete"):
        layer, leaf = (
            ODELayer(network, n_steps=20, solver="heun", adjoint=adjoint),
            y0.clone().requires_grad_(),
        )
        y = layer.solve(leaf, [0.0, 0.013, 0.5, 0.5, 1.0])
        found.append([y, *torch.autograd.grad(y.pow(2).sum(), [leaf, *network.parameters()])])
    assert same(*found)


def test_second_derivatives_are_bitwise_the_same(network: nn.Module, y0: Tensor) -> None:
    found = []
    for adjoint in ("checkpointed", "discrete"):
        leaf = y0.clone().requires_grad_()
        loss = ODELayer(network, n_steps=10, solver="heun", adjoint=adjoint)(leaf).pow(2).sum()
        (g,) = torch.autograd.grad(loss, leaf, create_graph=True)
        found.append(list(torch.autograd.grad(g.pow(2).sum(), [leaf, network.inner.weight])))
    assert same(*found)


def test_a_tensor_captured_by_closure_gets_its_gradient(y0: Tensor) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    found = [
        torch.autograd.grad(ODELayer(lambda _t, y: k * torch.sin(y), adjoint=adjoint)(y0).sum(), k)[0]
        for adjoint in ("checkpointed", "discrete")
    ]
    assert torch.equal(*found)


def test_dropout_is_drawn_again_as_it_was(y0: Tensor) -> None:
    drop, found = nn.Dropout(0.5), []
    for adjoint in ("checkpointed", "discrete"):
        torch.manual_seed(3)
        leaf = y0.clone().requires_grad_()
        y1 = ODELayer(lambda _t, y: drop(torch.sin(y)), n_steps=10, adjoint=adjoint)(leaf)
        found.append([y1, *torch.autograd.grad(y1.sum(), leaf), torch.rand(1)])
    assert same(*found)


def test_a_field_that_reads_what_it_updates_is_repeated_from_what_it_was(
    y0: Tensor, gradients: Gradients
) -> None:
    class Fading(nn.Module):
        def __init__(self, in_place: bool) -> None:
            super().__init__()
            self.register_buffer("scale", torch.ones(3, dtype=torch.float64))
            self.weight = nn.Parameter(torch.ones(3, dtype=torch.float64))
            self.in_place = in_place

        def forward(self, _t: Tensor, y: Tensor) -> Tensor:
            if self.in_place:
                self.scale.mul_(0.9)
            else:
                self.scale = 0.9 * self.scale
            return torch.sin(y * self.weight) * self.scale.clone()

    for in_place in (True, False):
        one, other = (
            gradients(ODELayer(Fading(in_place), n_steps=10, adjoint=adjoint), y0)
            for adjoint in ("checkpointed", "discrete")
        )
        assert same(one, other)


def test_spectral_norm_is_repeated_as_it_was(network: nn.Module, y0: Tensor) -> None:
    torch.nn.utils.parametrizations.spectral_norm(network.inner)
    start, found = {k: v.clone() for k, v in network.state_dict().items()}, []
    for adjoint in ("checkpointed", "discrete"):
        network.load_state_dict(start)
        y1 = ODELayer(network, n_steps=10, adjoint=adjoint)(y0)
        found.append(list(torch.autograd.grad(y1.sum(), list(network.parameters()))))
    assert same(*found)


def test_the_field_is_evaluated_twice_per_step_and_not_more(y0: Tensor) -> None:
    calls = []
    field = lambda t, y: calls.append(float(t)) or torch.sin(y)  # noqa: E731
    y1 = ODELayer(field, n_steps=100, adjoint="checkpointed")(y0.requires_grad_())
    y1.sum().backward()
    forward, backward = calls[:100], calls[100:]
    assert sorted(backward) == sorted(forward)


def test_the_backward_pass_walks_the_last_stretch_first(y0: Tensor) -> None:
    calls = []
    field = lambda t, y: calls.append(round(9 * float(t))) or torch.sin(y)  # noqa: E731
    ODELayer(field, n_steps=9, adjoint="checkpointed")(y0.requires_grad_()).sum().backward()
    assert calls[9:] == [6, 7, 8, 3, 4, 5, 0, 1, 2]


def held(n_steps: int, wide: int) -> int:
    """Return the most bytes that autograd holds for the backward pass of n steps, at any moment."""
    now = peak = 0

    class Held:
        def __init__(self, tensor: Tensor) -> None:
            nonlocal now, peak
            self.tensor, self.size = tensor, tensor.numel() * tensor.element_size()
            now += self.size
            peak = max(peak, now)

        def __del__(self) -> None:
            nonlocal now
            now -= self.size

    y0 = torch.zeros(wide, requires_grad=True)
    layer = ODELayer(lambda _t, y: torch.sin(y), n_steps=n_steps, adjoint="checkpointed")
    with torch.autograd.graph.saved_tensors_hooks(Held, lambda kept: kept.tensor):
        layer(y0).sum().backward()
    return peak


@pytest.mark.parametrize("n_steps", [16, 100, 400, 1600])
def test_what_is_kept_is_one_state_per_stretch(n_steps: int) -> None:
    states = held(n_steps, 1000) / 4000
    assert states == math.isqrt(n_steps)


def most_alive(n_steps: int) -> int:
    """Return the most states that are alive at an evaluation, forwards or backwards."""
    counts = []

    def field(_t: Tensor, y: Tensor) -> Tensor:
        counts.append(sum(type(x) is Tensor and x.shape == (77,) for x in gc.get_objects()))
        return torch.sin(y)

    layer = ODELayer(field, n_steps=n_steps, adjoint="checkpointed")
    y0 = torch.zeros(77, requires_grad=True)
    gc.freeze()  # what is there already is not looked at: in a process of thousands of tests that takes long
    try:
        layer(y0).sum().backward()
    finally:
        gc.unfreeze()
    return max(counts)


def test_what_is_alive_grows_like_the_square_root() -> None:
    # Recomputed tensors are kept by the checkpoint itself, where hooks on saved tensors do not see them.
    few, many = most_alive(25), most_alive(100)
    assert 5 <= many - few <= 20  # of the 75 more steps: 5 more first states, and 5 more steps per stretch


@pytest.mark.parametrize("changed", ["outer.weight", "inner.bias"])
def test_the_error_names_the_parameter_that_was_changed(changed: str, network: nn.Module, y0: Tensor) -> None:
    y1 = ODELayer(network, adjoint="checkpointed")(y0)
    with torch.no_grad():
        network.get_parameter(changed).mul_(2)
    with pytest.raises(RuntimeError, match=rf"'{changed}' was modified .*; call backward\(\) first"):
        y1.sum().backward()
