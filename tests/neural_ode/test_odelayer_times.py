"""Gradients of the layer with respect to t0, t1 and output times."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer

DISCRETE = ("discrete", "checkpointed")
WITH_TIMES = (*DISCRETE, "continuous")
with_times = pytest.mark.parametrize("adjoint", WITH_TIMES)


def times(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def solved(network: nn.Module, y0: Tensor, ts: Tensor, adjoint: str, n_steps: int = 8) -> Tensor:
    layer = ODELayer(network, ts[0], ts[-1], n_steps, solver="rk4", adjoint=adjoint)
    return layer.solve(y0, ts)


def gradient(network: nn.Module, y0: Tensor, ts: Tensor, adjoint: str, n_steps: int = 8) -> Tensor:
    """Return the gradient with respect to ts of a loss on all outputs."""
    ys = solved(network, y0, ts, adjoint, n_steps)
    weights = torch.randn(ys.shape, generator=torch.Generator().manual_seed(2)).to(ys)
    (found,) = torch.autograd.grad((ys * weights).sum(), ts)
    return found


@pytest.mark.parametrize("adjoint", DISCRETE)
@pytest.mark.parametrize("ts", [(0.2, 0.53, 1.1), (1.1, 0.53, 0.2)])
def test_discrete_modes_differentiate_their_own_steps(
    adjoint: str, ts: tuple[float, ...], network: nn.Module, y0: Tensor
) -> None:
    leaf = y0[:1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda t, y: solved(network, y, t, adjoint, 4), (times(*ts), leaf))


def test_gradients_of_times_may_be_differentiated_again(network: nn.Module, y0: Tensor) -> None:
    def final(ts: Tensor) -> Tensor:
        return ODELayer(network, ts[0], ts[1], 3, solver="heun", adjoint="discrete")(y0[:1])

    assert torch.autograd.gradgradcheck(final, (times(0.2, 1.1),))


def test_the_continuous_gradient_of_times_converges_at_the_order(network: nn.Module, y0: Tensor) -> None:
    ts = times(0.2, 0.53, 1.1)
    exact = gradient(network, y0, ts, "discrete", 256)
    coarse, fine = ((gradient(network, y0, ts, "continuous", n) - exact).norm() for n in (8, 16))
    assert torch.log2(coarse / fine) == pytest.approx(4, abs=0.5)


@with_times
def test_outputs_at_t0_and_repeated_times_have_their_parts(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    """An output at t0 that is another tensor moves with its own time, and t0 the other way."""
    t0, ts, n = times(0.2).squeeze(), times(0.2, 0.6, 0.6, 1.1), 64
    ys = ODELayer(network, t0, 1.1, n, solver="rk4", adjoint=adjoint).solve(y0, ts)
    found = torch.autograd.grad(ys.sum(), (t0, ts))
    slopes = torch.stack([network(t, y).sum() for t, y in zip(ts, ys, strict=True)])
    assert torch.allclose(found[1], slopes, rtol=1e-6)
    exact = ODELayer(network, t0, 1.1, n, solver="rk4", adjoint="discrete").solve(y0, ts)
    assert torch.allclose(found[0], torch.autograd.grad(exact.sum(), t0)[0], rtol=1e-6)


@with_times
def test_times_of_one_tensor_need_no_gradient_at_the_start(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    """The state at t0 is y0, whatever t0 is."""
    ts = times(0.2, 1.1)
    (found,) = torch.autograd.grad(solved(network, y0, ts, adjoint)[0].sum(), ts)
    assert not found.any()


@with_times
def test_a_learned_end_time_is_read_at_every_call(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    end = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    layer = ODELayer(network, 0.0, end, 8, adjoint=adjoint)
    before = layer(y0)
    end.data.fill_(0.5)
    assert not torch.equal(layer(y0), before)
    assert torch.equal(layer(y0).detach(), ODELayer(network, 0.0, 0.5, 8, adjoint="discrete")(y0).detach())


@with_times
def test_the_state_and_its_gradient_are_those_of_plain_numbers(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    leaf = y0.clone().requires_grad_()
    ends = (0.2, 1.1)
    (plain,) = torch.autograd.grad(ODELayer(network, *ends, 6, adjoint=adjoint)(leaf).sum(), leaf)
    y1 = ODELayer(network, *times(*ends), 6, adjoint=adjoint)(leaf)
    assert torch.allclose(torch.autograd.grad(y1.sum(), leaf)[0], plain, rtol=1e-14)


@with_times
def test_a_number_beside_a_tensor_keeps_its_precision(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    """0.2 as float32 is 3e-9 away."""
    t1 = times(1.1).squeeze()
    y1 = ODELayer(network, 0.2, t1, 6, adjoint=adjoint)(y0)
    assert torch.allclose(y1, ODELayer(network, 0.2, 1.1, 6, adjoint=adjoint)(y0), rtol=1e-14)


@with_times
def test_times_of_a_complex_state_get_real_gradients(adjoint: str) -> None:
    t1, y0 = times(1.0), torch.tensor([1.0 + 0.5j], dtype=torch.complex128)
    y1 = ODELayer(lambda _t, y: 1j * y, 0.0, t1[0], 64, solver="rk4", adjoint=adjoint)(y0)
    (found,) = torch.autograd.grad(y1.real.sum(), t1)
    assert found.item() == pytest.approx((1j * y1).real.item(), rel=1e-7)


@with_times
def test_times_of_another_dtype_get_gradients_of_their_own(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    t0, t1 = torch.tensor(0.0, requires_grad=True), times(1.0).squeeze()
    y1 = ODELayer(network.float(), t0, t1, 4, adjoint=adjoint)(y0.float())
    found = torch.autograd.grad(y1.sum(), (t0, t1))
    assert [g.dtype for g in found] == [torch.float32, torch.float64]
    assert y1.dtype == torch.float32


def test_a_second_derivative_by_times_is_refused_by_the_adjoint(network: nn.Module, y0: Tensor) -> None:
    t1 = times(1.0)
    y1 = ODELayer(network, 0.0, t1[0], 4)(y0)
    (first,) = torch.autograd.grad(y1.sum(), t1, create_graph=True)
    with pytest.raises(RuntimeError, match="expects to be differentiated once"):
        first.sum().backward()


def test_reversible_mode_refuses_output_times_that_require_a_gradient(network: nn.Module, y0: Tensor) -> None:
    with pytest.raises(ValueError, match=r"ts\[0\] must be a time without gradient in reversible mode"):
        ODELayer(network, adjoint="reversible").solve(y0, times(0.5, 1.0))
