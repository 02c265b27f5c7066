"""Randomness, buffers, modes and copies of ODELayer, in both passes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer

ADJOINTS = ("continuous", "discrete", "checkpointed", "reversible")
PER_STAGE = {"reversible": 2}  # evaluations for each stage of the tableau, if not 1
Gradients = Callable[..., list[Tensor]]
adjoints = pytest.mark.parametrize("adjoint", ADJOINTS)
without_trajectory = pytest.mark.parametrize("adjoint", ["continuous", "reversible"])
evaluating_again = pytest.mark.parametrize("adjoint", ["continuous", "checkpointed", "reversible"])


class Around(nn.Module):
    """tanh(layer(y)) * t."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return torch.tanh(self.layer(y)) * t


@without_trajectory
def test_dropout_is_refused_without_a_trajectory(adjoint: str, y0: Tensor) -> None:
    with pytest.raises(RuntimeError, match=r"of t and y alone, but it drew random numbers; call .*eval\(\)"):
        ODELayer(Around(nn.Dropout(0.5)), adjoint=adjoint)(y0)


@without_trajectory
def test_dropout_in_eval_mode_is_welcome(adjoint: str, y0: Tensor) -> None:
    assert ODELayer(Around(nn.Dropout(0.5)), adjoint=adjoint).eval()(y0).shape == y0.shape


def test_a_field_that_is_random_in_the_backward_pass_only_is_refused(y0: Tensor) -> None:
    def field(t: Tensor, y: Tensor) -> Tensor:
        return y * torch.rand(()) if t == 1.0 else y

    y1 = ODELayer(field)(y0.requires_grad_())
    with pytest.raises(RuntimeError, match="drew random numbers"):
        y1.sum().backward()


def test_the_discrete_adjoint_differentiates_through_the_draws(y0: Tensor) -> None:
    leaf = y0.clone().requires_grad_()
    torch.manual_seed(3)
    y1 = ODELayer(lambda _t, y: y * torch.rand(()).double(), n_steps=2, adjoint="discrete")(leaf)
    y1.sum().backward()
    torch.testing.assert_close(leaf.grad, y1.detach() / y0)


@adjoints
def test_batchnorm_counts_every_evaluation_of_the_forward_pass_once(adjoint: str, y0: Tensor) -> None:
    field = Around(nn.BatchNorm1d(3, dtype=torch.float64))
    ODELayer(field, n_steps=7, solver="heun", adjoint=adjoint)(y0).sum().backward()
    assert field.layer.num_batches_tracked.item() == 14 * PER_STAGE.get(adjoint, 1)


@adjoints
def test_batchnorm_statistics_are_left_alone_by_the_backward_pass(adjoint: str, y0: Tensor) -> None:
    field = Around(nn.BatchNorm1d(3, dtype=torch.float64))
    y1 = ODELayer(field, adjoint=adjoint)(y0)
    before = {name: buffer.clone() for name, buffer in field.named_buffers()}
    y1.sum().backward()
    assert all(torch.equal(buffer, before[name]) for name, buffer in field.named_buffers())


@evaluating_again
def test_a_counter_that_is_assigned_anew_counts_the_forward_pass_only(adjoint: str, y0: Tensor) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, t: Tensor, y: Tensor) -> Tensor:
            self.calls = self.calls + 1
            return y * t

    field = Counting()
    ODELayer(field, n_steps=7, adjoint=adjoint)(y0.requires_grad_()).sum().backward()
    assert field.calls.item() == 7 * PER_STAGE.get(adjoint, 1)


@evaluating_again
def test_train_and_eval_are_recalled(adjoint: str, y0: Tensor, gradients: Gradients) -> None:
    field = Around(nn.BatchNorm1d(3, dtype=torch.float64))
    layer = ODELayer(field, adjoint=adjoint)
    plain = gradients(layer, y0)[0]
    leaf = y0.clone().requires_grad_()
    y1 = layer(leaf)
    layer.eval()
    y1.backward(torch.randn(y1.shape, generator=torch.Generator().manual_seed(2)).to(y1))
    assert torch.equal(leaf.grad, plain)
    assert not field.layer.training


class Buffered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((3,), 0.5, dtype=torch.float64))
        self.frozen = nn.Parameter(torch.ones(3, dtype=torch.float64), requires_grad=False)

    def forward(self, _t: Tensor, y: Tensor) -> Tensor:
        return torch.sin(y * self.scale) * self.frozen


@pytest.mark.parametrize("name", ["scale", "frozen"])
@evaluating_again
def test_a_constant_changed_in_place_before_backward_is_a_loud_error(
    adjoint: str, name: str, y0: Tensor
) -> None:
    field = Buffered()
    y1 = ODELayer(field, adjoint=adjoint)(y0.requires_grad_())
    getattr(field, name).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y1.sum().backward()


@evaluating_again
def test_a_buffer_exchanged_before_backward_is_recalled(adjoint: str, y0: Tensor) -> None:
    field, leaf = Buffered(), y0.clone().requires_grad_()
    layer = ODELayer(field, adjoint=adjoint)
    (plain,) = torch.autograd.grad(layer(leaf).sum(), leaf)
    y1 = layer(leaf)
    field.scale = 2 * field.scale
    y1.sum().backward()
    assert torch.equal(leaf.grad, plain)
    assert field.scale[0].item() == 1.0


@evaluating_again
def test_an_integer_buffer_is_no_obstacle(adjoint: str, y0: Tensor) -> None:
    class Permuted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("order", torch.tensor([2, 0, 1]))

        def forward(self, t: Tensor, y: Tensor) -> Tensor:
            return y[..., self.order] * t

    leaf = y0.clone().requires_grad_()
    ODELayer(Permuted(), adjoint=adjoint)(leaf).sum().backward()
    assert leaf.grad.shape == y0.shape


def test_autocast_is_the_same_in_both_passes(y0: Tensor) -> None:
    seen = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, _t: Tensor, y: Tensor) -> Tensor:
            out: Tensor = self.linear(y)
            seen.append((out.dtype, torch.is_autocast_enabled("cpu")))
            return out

    leaf = y0.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y1 = ODELayer(Watching(), n_steps=4)(leaf)
    y1.sum().backward()
    assert seen == [(torch.bfloat16, True)] * 8
    assert (y1.dtype, leaf.grad.dtype) == (torch.float32, torch.float32)


@without_trajectory
def test_autocast_around_the_backward_pass_does_not_reach_it(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    field, leaf = network.float(), y0.float().requires_grad_()
    layer = ODELayer(field, adjoint=adjoint)
    (plain,) = torch.autograd.grad(layer(leaf).sum(), leaf)
    y1 = layer(leaf).sum()
    with torch.autocast("cpu", torch.bfloat16):
        y1.backward()
    assert torch.equal(leaf.grad, plain)


@evaluating_again
def test_the_layer_leaves_no_graphless_weights_in_the_autocast_cache(adjoint: str, y0: Tensor) -> None:
    linear = nn.Linear(3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        ODELayer(Around(linear), adjoint=adjoint)(y0.float())
        linear(y0.float()).sum().backward()
    assert linear.weight.grad is not None


@adjoints
@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_copy_computes_the_same_before_and_after_a_backward(
    adjoint: str, way: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    def copied(layer: nn.Module) -> nn.Module:
        return copy.deepcopy(layer) if way == "deepcopy" else pickle.loads(pickle.dumps(layer))

    layer = ODELayer(network, solver="rk4", adjoint=adjoint)
    fresh = copied(layer)
    plain = gradients(layer, y0)
    for other in (fresh, copied(layer)):
        assert all(torch.equal(a, b) for a, b in zip(gradients(other, y0), plain, strict=True))


@evaluating_again
def test_a_call_leaves_nothing_on_the_module(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    before = {module: set(vars(module)) for module in layer.modules()}
    layer(y0).sum().backward()
    assert {module: set(vars(module)) for module in layer.modules()} == before
    assert [name for name, _ in layer.named_children()] == ["dynamics"]


def test_the_state_dict_is_that_of_the_dynamics(network: nn.Module) -> None:
    assert list(ODELayer(network).state_dict()) == [f"dynamics.{name}" for name in network.state_dict()]


@adjoints
def test_changing_the_dtype_changes_everything(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    layer(y0)
    layer.float()(y0.float()).sum().backward()
    assert {p.grad.dtype for p in layer.parameters()} == {torch.float32}


@adjoints
def test_a_state_made_in_inference_mode_is_an_ordinary_input(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    with torch.inference_mode():
        made = y0 + 0
    layer(made).sum().backward()
    first = network.inner.weight.grad.clone()
    network.zero_grad()
    layer(y0).sum().backward()
    assert torch.equal(first, network.inner.weight.grad)
