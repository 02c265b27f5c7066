"""ODELayer with tolerances: values, gradients, steps and refusals."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from fields import CosineSquare
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.constants import EPS, TOLERANCE_FACTOR
from nodecheck.numerics.pairs import PAIRS

DISCRETE = ("discrete", "checkpointed")
ADJOINTS = ("continuous", *DISCRETE)
adjoints = pytest.mark.parametrize("adjoint", ADJOINTS)
discrete = pytest.mark.parametrize("adjoint", DISCRETE)
intervals = pytest.mark.parametrize("interval", [(0.2, 3.1), (3.1, 0.2)])
Gradients = Callable[..., list[Tensor]]


def adaptive(dynamics: Any, t0: Any = 0.2, t1: Any = 1.1, tol: float = 1e-6, **options: Any) -> ODELayer:
    return ODELayer(dynamics, t0, t1, rtol=tol, atol=tol, **options)


class Counted(nn.Module):
    """A field that notes the times of its evaluations."""

    def __init__(self, field: Any) -> None:
        super().__init__()
        self.field = field
        self.times: list[float] = []

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        self.times.append(t.item())
        out: Tensor = self.field(t, y)
        return out


def worst(field: CosineSquare, adjoint: str, solver: str, interval: tuple[float, float], tol: float) -> float:
    """Return the largest relative error of the outputs and of all gradients, those of times included."""
    y0 = torch.tensor([[0.3], [0.7], [1.1]], dtype=torch.float64, requires_grad=True)
    ts = torch.tensor([interval[0], sum(interval) / 2, interval[1]], dtype=torch.float64, requires_grad=True)
    ys = adaptive(field, ts[0], ts[-1], tol, solver=solver, adjoint=adjoint).solve(y0, ts)
    elapsed = (torch.sin(ts) - torch.sin(ts[0]))[:, None, None]
    exact = y0 / (1 - field.theta * y0 * elapsed)
    wanted = (y0, field.theta, ts)
    found = (ys, *torch.autograd.grad(ys.square().sum(), wanted, retain_graph=True))
    true = (exact, *torch.autograd.grad(exact.square().sum(), wanted, retain_graph=True))
    return max(((a - b).norm() / b.norm()).item() for a, b in zip(found, true, strict=True))


@adjoints
@pytest.mark.parametrize("solver", PAIRS)
@intervals
def test_outputs_and_all_gradients_follow_the_tolerance(
    interval: tuple[float, float], solver: str, adjoint: str, cosine_square: CosineSquare
) -> None:
    tolerances = (1e-3, 1e-5)
    errors = [worst(cosine_square, adjoint, solver, interval, tol) for tol in tolerances]
    assert max(e / tol for e, tol in zip(errors, tolerances, strict=True)) <= TOLERANCE_FACTOR


@discrete
def test_the_discrete_gradient_is_that_of_the_accepted_steps(
    adjoint: str, network: nn.Module, y0: Tensor, gradients: Gradients
) -> None:
    """At a tolerance so loose that one step is enough, the steps cannot change with the state."""
    layer = adaptive(network, 0.2, 0.3, 1e-2, adjoint=adjoint)
    single = ODELayer(network, 0.2, 0.3, 1, solver="dopri5", adjoint="discrete")
    # Both sum the same 7 stages of the same step; the size of the step is rounded differently.
    assert all(
        (a - b).norm() <= 7 * 16 * EPS * b.norm()
        for a, b in zip(gradients(layer, y0), gradients(single, y0), strict=True)
    )


def test_checkpoints_change_no_bit(network: nn.Module, y0: Tensor, gradients: Gradients) -> None:
    plain, checkpointed = (
        gradients(adaptive(network, t1=8.0, tol=1e-9, adjoint=adjoint), y0) for adjoint in DISCRETE
    )
    assert all((a - b).norm() <= 100 * EPS * b.norm() for a, b in zip(checkpointed, plain, strict=True))


@discrete
def test_a_second_derivative_is_that_of_the_steps(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    def final(y: Tensor) -> Tensor:
        return adaptive(network, 0.2, 0.3, 1e-2, adjoint=adjoint)(y)

    assert torch.autograd.gradgradcheck(final, (y0[:1].clone().requires_grad_(),))


def test_a_second_derivative_of_the_continuous_gradient_is_refused(network: nn.Module, y0: Tensor) -> None:
    leaf = y0.clone().requires_grad_()
    (first,) = torch.autograd.grad(adaptive(network)(leaf).sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="expects to be differentiated once"):
        first.sum().backward()


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**40])
def test_the_continuous_gradient_is_linear_in_the_size_of_the_cotangent(
    factor: float, network: nn.Module, y0: Tensor
) -> None:
    y1 = adaptive(network, t1=3.0)(y0)
    wanted = list(network.parameters())
    plain, scaled = (torch.autograd.grad(y1, wanted, c * y0, retain_graph=True) for c in (1.0, factor))
    # By a power of two everything is scaled exactly, so that the steps are the same.
    assert all(torch.equal(b, factor * a) for a, b in zip(plain, scaled, strict=True))


def test_a_parameter_whose_gradient_alone_varies_is_held_to_the_tolerance() -> None:
    """dy/dt = theta sin(40 t)^2 at theta = 0: state and adjoint stand still, the gradient does not."""

    class Still(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.theta = nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, t: Tensor, y: Tensor) -> Tensor:
            return self.theta * torch.sin(40 * t) ** 2 + 0 * y

    field = Still()
    adaptive(field, 0.0, 1.0)(torch.ones(1, 1, dtype=torch.float64)).sum().backward()
    assert field.theta.grad is not None
    assert field.theta.grad.item() == pytest.approx(0.5 - math.sin(80) / 160, rel=TOLERANCE_FACTOR * 1e-6)


def test_many_members_at_rest_do_not_hide_one_that_moves() -> None:
    rates = torch.zeros(4000, 1, dtype=torch.float64)
    rates[7] = 30.0
    y0 = torch.ones(4000, 1, dtype=torch.float64)
    field = lambda t, y: rates * torch.cos(30 * t) * y  # noqa: E731
    found = adaptive(field, 0.0, 1.0)(y0)[7].item()
    assert found == pytest.approx(math.exp(math.sin(30)), rel=TOLERANCE_FACTOR * 1e-6)


def test_members_of_other_batches_change_nothing_but_the_steps(network: nn.Module, y0: Tensor) -> None:
    layer = adaptive(network)
    assert (layer(y0)[:1] - layer(y0[:1])).norm() <= TOLERANCE_FACTOR * 1e-6 * y0[:1].norm()


@intervals
def test_no_evaluation_lies_outside_the_interval(interval: tuple[float, float], network: nn.Module) -> None:
    field = Counted(network)
    y0 = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    adaptive(field, *interval).solve(y0, [sum(interval) / 2, interval[1]]).sum().backward()
    assert min(interval) <= min(field.times) <= max(field.times) <= max(interval)


def test_the_last_stage_is_reused_as_the_first_of_the_next_step(network: nn.Module, y0: Tensor) -> None:
    field = Counted(network)
    with torch.no_grad():
        adaptive(field, t1=4.0)(y0)
    # Two for the first step, and six for each one that was tried.
    assert (len(field.times) - 2) % 6 == 0


@adjoints
def test_many_close_outputs_change_the_end_by_no_more_than_the_tolerance(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    layer = adaptive(network, adjoint=adjoint)
    ts = [0.2, 0.2 + 1e-12, *(0.21 + 1e-3 * i for i in range(50)), 1.1]
    assert (layer.solve(y0, ts)[-1] - layer(y0)).norm() <= TOLERANCE_FACTOR * 1e-6 * y0.norm()


def test_an_output_nearby_does_not_shorten_the_steps_behind_it(network: nn.Module, y0: Tensor) -> None:
    evaluations = []
    for ts in ([4.0], [2.0, 2.0 + 1e-9, 4.0]):
        field = Counted(network)
        with torch.no_grad():
            adaptive(field, t1=4.0).solve(y0, ts)
        evaluations.append(len(field.times))
    # Each of two outputs cuts a step at most, and may add one that is rejected, of six evaluations each.
    assert evaluations[1] <= evaluations[0] + 4 * 6


@adjoints
def test_an_empty_interval_returns_a_new_tensor_with_the_gradient_of_its_ends(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    leaf, t1 = y0.clone().requires_grad_(), torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    y1 = adaptive(network, 0.2, t1, adjoint=adjoint)(leaf)
    assert torch.equal(y1, leaf)
    assert y1 is not leaf
    of_y0, of_t1 = torch.autograd.grad(y1.sum(), (leaf, t1))
    assert torch.equal(of_y0, torch.ones_like(y0))
    assert of_t1.item() == pytest.approx(network(t1, y0).sum().item(), rel=100 * EPS)


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (2, 3, 4)])
@adjoints
def test_a_state_of_any_shape_is_solved(adjoint: str, shape: tuple[int, ...]) -> None:
    y0 = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    y1 = adaptive(lambda _t, y: -y, 0.0, 1.0, adjoint=adjoint)(y0)
    (found,) = torch.autograd.grad(y1.sum(), y0)
    exact = torch.full(shape, math.exp(-1.0), dtype=torch.float64)
    assert torch.allclose(y1, exact, rtol=TOLERANCE_FACTOR * 1e-6)
    assert torch.allclose(found, exact, rtol=TOLERANCE_FACTOR * 1e-6)


@adjoints
def test_an_adaptive_state_may_be_complex(adjoint: str) -> None:
    y1 = adaptive(lambda _t, y: 1j * y, 0.0, 1.0, adjoint=adjoint)(torch.ones(1, dtype=torch.complex128))
    assert abs(y1.item() - complex(math.cos(1), math.sin(1))) <= TOLERANCE_FACTOR * 1e-6


@adjoints
def test_an_adaptive_state_keeps_its_dtype(adjoint: str) -> None:
    y1 = adaptive(lambda _t, y: -y, 0.0, 1.0, 1e-4, adjoint=adjoint)(torch.ones(2, 1))
    assert y1.dtype == torch.float32
    assert y1[0].item() == pytest.approx(math.exp(-1), rel=TOLERANCE_FACTOR * 1e-4)


def noisy(_t: Tensor, y: Tensor) -> Tensor:
    return torch.sin(y) + 1e-4 * torch.rand_like(y)


def test_random_numbers_of_the_field_are_repeated_by_checkpoints(y0: Tensor) -> None:
    found = []
    for adjoint in DISCRETE:
        torch.manual_seed(3)
        leaf = y0.clone().requires_grad_()
        y1 = adaptive(noisy, tol=1e-3, adjoint=adjoint)(leaf)
        found += torch.autograd.grad(y1.sum(), leaf)
    assert torch.allclose(*found, rtol=100 * EPS)


def test_random_numbers_of_the_field_are_refused_by_the_adjoint(y0: Tensor) -> None:
    with pytest.raises(RuntimeError, match="drew random numbers"):
        adaptive(noisy, tol=1e-3)(y0)


def most_alive(t1: float) -> tuple[int, int]:
    """Return the evaluations of the forward pass, and the most states alive at any evaluation."""
    counts = []

    def field(t: Tensor, y: Tensor) -> Tensor:
        counts.append(sum(type(x) is Tensor and x.shape == (1, 77) for x in gc.get_objects()))
        return torch.sin(y + 3 * t)

    y0 = torch.ones(1, 77, dtype=torch.float64, requires_grad=True)
    gc.freeze()  # what is there already is not looked at: in a process of thousands of tests that takes long
    try:
        y1 = adaptive(field, 0.0, t1, 1e-3, solver="bosh3", adjoint="checkpointed")(y0)
        forward = len(counts)
        y1.sum().backward()
    finally:
        gc.unfreeze()
    return forward, max(counts)


def test_what_checkpoints_keep_alive_grows_like_the_root_of_the_steps() -> None:
    (few, small), (many, large) = (most_alive(t1) for t1 in (8.0, 72.0))
    # A quarter more than the root, because stretches are whole and end at the output; by n it would be eight.
    assert large <= 1.25 * math.sqrt(many / few) * small


@pytest.mark.parametrize("t1", [1.0, 30.0])
def test_the_adaptive_adjoint_saves_the_end_state_alone(t1: float) -> None:
    y0 = torch.ones(1, 64, dtype=torch.float64, requires_grad=True)
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
        adaptive(lambda _t, y: torch.sin(y), t1=t1)(y0)
    assert [tuple(x.shape) for x in saved] == [(1, 64)]


@adjoints
def test_too_many_steps_are_an_error(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    with pytest.raises(RuntimeError, match=r"at most max_steps=3 steps, but it has reached only t = 0\.\d+"):
        adaptive(network, tol=1e-12, max_steps=3, adjoint=adjoint)(y0)


@adjoints
def test_what_is_not_a_number_is_an_error(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    y0[2, 1] = math.nan
    with pytest.raises(RuntimeError, match="look for NaN or infinity in y0"):
        adaptive(network, adjoint=adjoint)(y0)


@pytest.mark.parametrize("with_parameters", [True, False])
def test_a_cotangent_that_is_not_a_number_is_an_error(
    with_parameters: bool, network: nn.Module, y0: Tensor
) -> None:
    y1 = adaptive(network if with_parameters else lambda _t, y: torch.sin(y))(y0.requires_grad_())
    with pytest.raises(RuntimeError, match="look for NaN or infinity"):
        y1.backward(torch.full_like(y1, math.nan))


def test_a_field_that_turns_to_nan_on_the_way_is_an_error() -> None:
    field = lambda t, y: y * torch.sqrt(0.5 - t)  # noqa: E731
    with pytest.raises(RuntimeError, match=r"at t = 0\.(5|49999)\d* no step is small enough"):
        adaptive(field, 0.0, 1.0)(torch.ones(1, 1, dtype=torch.float64))


def test_a_solution_that_ends_before_t1_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"at t = (1\.0|0\.9999)\d* no step is small enough"):
        adaptive(lambda _t, y: y**2, 0.0, 2.0)(torch.ones(1, 1, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": 1e-3}, "give both"),
        ({"rtol": -1.0, "atol": 1e-3}, "rtol must be a finite number of at least 0"),
        ({"rtol": 1e-3, "atol": 0.0}, "atol one above 0"),
        ({"rtol": 1e-3, "atol": math.nan}, "atol one above 0"),
        ({"rtol": 1e-3, "atol": 1e-3, "n_steps": 5}, "n_steps must be left out"),
        ({"rtol": 1e-3, "atol": 1e-3, "solver": "rk4"}, "solver must be one of heun, bosh3, dopri5"),
        ({"rtol": 1e-3, "atol": 1e-3, "adjoint": "reversible"}, "no estimate of its error"),
        ({"rtol": 1e-3, "atol": 1e-3, "max_steps": 0}, "max_steps must be an integer"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ODELayer(nn.Identity(), **options)


def test_the_backward_trajectory_of_an_adaptive_layer_is_refused(network: nn.Module, y0: Tensor) -> None:
    with pytest.raises(ValueError, match="expects a layer with n_steps, got one with tolerances"):
        adaptive(network).backward_trajectory(y0, y0)


def test_the_tolerances_are_shown() -> None:
    shown = repr(ODELayer(nn.Identity(), rtol=1e-3, atol=1e-4, solver="bosh3"))
    assert "rtol=0.001, atol=0.0001, solver='bosh3', adjoint='continuous'" in shown


class _Traced(torch.nn.Module):
    """A field that differentiates itself: the trace of its Jacobian is part of the slope."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[0.3, -0.8], [0.9, 0.2]], dtype=torch.float64))

    def forward(self, t, y):
        with torch.enable_grad():
            z = y if y.requires_grad else y.detach().requires_grad_(True)
            slope = torch.tanh(z @ self.weight)
            (rate,) = torch.autograd.grad(slope[..., 0].sum(), z, create_graph=True)
        return slope + rate


def test_a_field_that_differentiates_itself_may_be_checkpointed():
    grads = []
    for adjoint in ("discrete", "checkpointed"):
        field, y0 = _Traced(), torch.full((2, 2), 0.4, dtype=torch.float64, requires_grad=True)
        layer = ODELayer(field, 0.0, 2.0, rtol=1e-6, atol=1e-6, adjoint=adjoint)
        grads.append(torch.autograd.grad(layer(y0).square().sum(), (y0, field.weight)))
    for found, true in zip(*grads, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-13, atol=1e-15)
