"""Every tensor to which backpropagation would send a gradient gets one, or the layer raises an error."""

from __future__ import annotations

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


class Scaled(nn.Module):
    """dy/dt = sin(y) * k, with a tensor k that is no parameter of the module."""

    def __init__(self, k: Tensor, when: Callable[[Tensor], bool] = lambda _t: True) -> None:
        super().__init__()
        self.k = k
        self.when = when

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return torch.sin(y) * (self.k if self.when(t) else self.k.detach())


@adjoints
def test_a_frozen_parameter_gets_none_and_changes_no_other(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    before = gradients(ODELayer(network, adjoint=adjoint), y0)
    network.inner.bias.requires_grad_(False)
    after = gradients(ODELayer(network, adjoint=adjoint), y0)
    kept = [before[0], before[1], before[3], before[4]]
    assert all(torch.equal(a, b) for a, b in zip(after, kept, strict=True))


@adjoints
def test_a_layer_of_frozen_parameters_still_passes_a_gradient_to_y0(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    before = gradients(ODELayer(network, adjoint=adjoint), y0)
    network.requires_grad_(False)
    assert torch.equal(gradients(ODELayer(network, adjoint=adjoint), y0)[0], before[0])


@adjoints
def test_parameters_get_a_gradient_when_y0_needs_none(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    wanted = gradients(layer, y0)[1:]
    cotangent = torch.randn(y0.shape, generator=torch.Generator().manual_seed(2)).to(y0)
    layer(y0).backward(cotangent)
    assert all(torch.equal(p.grad, g) for p, g in zip(network.parameters(), wanted, strict=True))


@adjoints
def test_nothing_to_differentiate_gives_an_output_without_gradient(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    assert not ODELayer(network.requires_grad_(False), adjoint=adjoint)(y0).requires_grad


@adjoints
def test_unused_parameters_get_none_and_change_no_other(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    class WithUnused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Parameter(torch.ones(1))
            self.used = network
            self.last = nn.Linear(2, 7)

        def forward(self, t: Tensor, y: Tensor) -> Tensor:
            out: Tensor = self.used(t, y)
            return out

    plain = gradients(ODELayer(network, adjoint=adjoint), y0)
    found = gradients(ODELayer(WithUnused(), adjoint=adjoint), y0)
    assert [found[1], found[-2], found[-1]] == [None, None, None]
    assert all(torch.equal(a, b) for a, b in zip([found[0], *found[2:-2]], plain, strict=True))


def test_tied_parameters_get_the_sum_of_their_uses(y0: Tensor, gradients: Gradients) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(3, 3, bias=False, dtype=torch.float64)
            self.two = nn.Linear(3, 3, bias=False, dtype=torch.float64)
            self.two.weight = self.one.weight

        def forward(self, t: Tensor, y: Tensor) -> Tensor:
            return torch.tanh(self.two(torch.tanh(self.one(y))) * t)

    field, n = Tied(), 256
    continuous, discrete = (
        gradients(ODELayer(field, n_steps=n, solver="rk4", adjoint=adjoint), y0)
        for adjoint in ("continuous", "discrete")
    )
    # Both are within O(h^4) of the exact gradient; a missing use would be off by a half.
    assert (continuous[1] - discrete[1]).norm() <= (1 / n) ** 3 * discrete[1].norm()


def test_a_weight_normed_layer_is_differentiated_through_its_parametrisation(
    network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    torch.nn.utils.parametrizations.weight_norm(network.inner)
    continuous, discrete = (
        gradients(ODELayer(network, n_steps=64, solver="rk4", adjoint=adjoint), y0)
        for adjoint in ("continuous", "discrete")
    )
    for one, other in zip(continuous, discrete, strict=True):
        assert (one - other).norm() <= (1 / 64) ** 3 * max(g.norm() for g in discrete)


@adjoints
def test_an_encoder_before_the_layer_gets_its_gradient(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    encoder = nn.Linear(3, 3, dtype=torch.float64)
    h = encoder(y0)
    h.retain_grad()
    ODELayer(network, adjoint=adjoint)(h).sum().backward()
    assert torch.equal(encoder.bias.grad, h.grad.sum(0))


@adjoints
def test_weights_handed_in_by_functional_call_get_a_gradient(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    layer = ODELayer(network, adjoint=adjoint)
    weights = {name: p.detach().clone().requires_grad_() for name, p in layer.named_parameters()}
    torch.func.functional_call(layer, {k: 1.0 * w for k, w in weights.items()}, (y0,)).sum().backward()
    layer(y0).sum().backward()
    assert all(torch.equal(w.grad, p.grad) for w, p in zip(weights.values(), layer.parameters(), strict=True))


FOREIGN = r"expects every tensor that requires grad .* shape \(3,\) .* make it an nn\.Parameter"


@pytest.mark.parametrize("requires_grad", [True, False])
@without_trajectory
def test_a_tensor_captured_by_closure_is_refused(adjoint: str, requires_grad: bool, y0: Tensor) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match=FOREIGN):
        ODELayer(lambda _t, y: k * y, adjoint=adjoint)(y0.requires_grad_(requires_grad))


@without_trajectory
def test_a_captured_tensor_returned_as_it_is_is_refused(adjoint: str) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match=FOREIGN):
        ODELayer(lambda _t, _y: k, adjoint=adjoint)(torch.zeros(3, dtype=torch.float64))


def test_a_parameter_returned_as_it_is_gets_the_elapsed_time() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Parameter(torch.ones(3, dtype=torch.float64))

        def forward(self, _t: Tensor, _y: Tensor) -> Tensor:
            return self.c

    field = Constant()
    ODELayer(field, n_steps=4)(torch.zeros(3, dtype=torch.float64)).sum().backward()
    assert torch.equal(field.c.grad, torch.ones(3, dtype=torch.float64))


def test_a_field_that_returns_y_itself_is_differentiated() -> None:
    y0 = torch.ones(3, dtype=torch.float64, requires_grad=True)
    ODELayer(lambda _t, y: y, n_steps=4)(y0).sum().backward()
    assert (y0.grad - 1.25**4).abs().max() <= 16 * EPS


@without_trajectory
def test_a_tensor_computed_from_a_parameter_elsewhere_is_refused(adjoint: str, y0: Tensor) -> None:
    source = torch.ones(3, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match=FOREIGN):
        ODELayer(Scaled(2 * source), adjoint=adjoint)(y0)


@without_trajectory
def test_a_live_parameter_kept_in_a_list_is_refused(adjoint: str, y0: Tensor) -> None:
    field = Scaled(nn.Parameter(torch.ones(3, dtype=torch.float64)))
    field.forward = lambda _t, y, kept=[field.k]: y * kept[0]
    with pytest.raises(RuntimeError, match=FOREIGN):
        ODELayer(field, adjoint=adjoint)(y0)


@pytest.mark.parametrize("solver", ["euler", "rk4"])
@without_trajectory
def test_a_tensor_used_for_some_times_only_is_refused(adjoint: str, solver: str, y0: Tensor) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    field = Scaled(k.clone(), when=lambda t: 0.1 < t < 0.3)
    with pytest.raises(RuntimeError, match=FOREIGN):
        ODELayer(field, solver=solver, adjoint=adjoint)(y0)


def test_a_tensor_met_by_the_backward_pass_only_is_refused(y0: Tensor) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    y1 = ODELayer(Scaled(k.clone(), when=lambda t: t == 1.0))(y0.requires_grad_())
    with pytest.raises(RuntimeError, match=FOREIGN):
        y1.sum().backward()


def test_the_discrete_adjoint_gives_a_captured_tensor_its_gradient(y0: Tensor) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    ODELayer(lambda _t, y: k + 0 * y, n_steps=4, adjoint="discrete")(y0).sum().backward()
    assert (k.grad - 4).abs().max() <= 16 * EPS


@without_trajectory
def test_without_gradients_a_captured_tensor_is_welcome(adjoint: str, y0: Tensor) -> None:
    k = torch.ones(3, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        assert ODELayer(lambda _t, y: k * y, adjoint=adjoint)(y0).shape == y0.shape
