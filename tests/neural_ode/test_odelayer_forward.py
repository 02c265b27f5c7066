"""The forward pass of ODELayer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.constants import EPS
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS

ADJOINTS = ("continuous", "discrete", "checkpointed", "reversible")


class Recorder(nn.Module):
    """dy/dt = rate, with a record of the times of its calls."""

    def __init__(self, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate
        self.times: list[Tensor] = []

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        self.times.append(t)
        return torch.full_like(y, self.rate)


@pytest.mark.parametrize("solver", TABLEAUS)
@pytest.mark.parametrize("n_steps", [1, 7, 30])
def test_a_constant_field_is_integrated_exactly(solver: str, n_steps: int) -> None:
    y1 = ODELayer(Recorder(), 0.1, 0.7, n_steps, solver=solver)(torch.zeros(1, dtype=torch.float64))
    assert abs(y1.item() - 0.6) <= (n_steps + 4) * EPS


@pytest.mark.parametrize("solver", TABLEAUS)
def test_exactly_n_steps_steps_are_taken(solver: str) -> None:
    field = Recorder()
    ODELayer(field, n_steps=7, solver=solver)(torch.zeros(1))
    assert len(field.times) == 7 * TABLEAUS[solver].stages


@pytest.mark.parametrize(("rate", "stable"), [(50.0, True), (50.5, False)])
def test_the_default_number_of_steps_keeps_euler_stable_up_to_50(rate: float, stable: bool) -> None:
    y1 = ODELayer(lambda _t, y: -rate * y)(torch.ones(1, dtype=torch.float64))
    assert (y1.abs().item() <= 1.0) is stable


def test_an_euler_step_never_starts_at_the_end_time() -> None:
    field = Recorder()
    ODELayer(field, 0.1, 0.7, 7)(torch.zeros(1, dtype=torch.float64))
    assert max(field.times).item() < 0.7


def test_an_end_time_is_hit_exactly() -> None:
    field = Recorder()
    ODELayer(field, 0.1, 0.7, 49, solver="heun")(torch.zeros(1, dtype=torch.float64))
    assert field.times[-1].item() == 0.7


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_time_is_a_0d_tensor_of_the_states_dtype(dtype: torch.dtype) -> None:
    field = Recorder()
    ODELayer(field)(torch.zeros(2, dtype=dtype))
    assert {(t.dtype, t.shape) for t in field.times} == {(dtype, torch.Size([]))}


@pytest.mark.parametrize("solver", TABLEAUS)
@pytest.mark.parametrize("interval", [(0.2, 1.1), (1.1, 0.2)])
def test_the_forward_pass_converges_at_the_order_of_the_tableau(
    solver: str, interval: tuple[float, float], cosine_square: nn.Module
) -> None:
    y0 = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64)
    exact = cosine_square.exact(y0, *interval)
    errors = [
        (ODELayer(cosine_square, *interval, n, solver=solver)(y0) - exact).norm().item() for n in (16, 32)
    ]
    assert abs(math.log2(errors[0] / errors[1]) - TABLEAUS[solver].order) <= 0.3


def test_a_tableau_of_the_users_own_is_a_solver() -> None:
    ralston = ButcherTableau(name="r2", order=2, a=((), (2 / 3,)), b=(1 / 4, 3 / 4), c=(0.0, 2 / 3))
    y1 = ODELayer(lambda t, y: 2 * t + 0 * y, n_steps=3, solver=ralston)(torch.zeros(1, dtype=torch.float64))
    assert abs(y1.item() - 1.0) <= 16 * EPS  # order two integrates a linear function of t exactly


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_zero_length_interval_is_the_identity(adjoint: str, network: nn.Module, y0: Tensor) -> None:
    assert torch.equal(ODELayer(network, 0.5, 0.5, adjoint=adjoint)(y0), y0)


@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (0, 3), (1, 1), (4, 3), (2, 3, 4, 5)])
def test_a_state_of_any_shape_keeps_it(adjoint: str, shape: tuple[int, ...]) -> None:
    y0 = torch.ones(shape, requires_grad=True)
    y1 = ODELayer(lambda t, y: -y * t, adjoint=adjoint)(y0)
    y1.backward(torch.ones_like(y1))
    assert y1.shape == y0.grad.shape == y0.shape


@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_output_is_bitwise_the_same_without_gradients(
    adjoint: str, mode: type, network: nn.Module, y0: Tensor
) -> None:
    layer = ODELayer(network, solver="rk4", adjoint=adjoint)
    with mode():
        plain = layer(y0)
    assert torch.equal(plain, layer(y0))


@pytest.mark.parametrize("adjoint", ["continuous", "checkpointed"])
def test_the_forward_pass_is_bitwise_that_of_the_discrete_adjoint(
    adjoint: str, network: nn.Module, y0: Tensor
) -> None:
    one, other = (ODELayer(network, solver="dopri5", adjoint=kind)(y0) for kind in (adjoint, "discrete"))
    assert torch.equal(one, other)


def test_the_output_is_never_the_input(y0: Tensor) -> None:
    layer = ODELayer(lambda _t, y: torch.zeros_like(y), 0.0, 0.0)
    assert layer(y0).data_ptr() != y0.data_ptr()


def test_a_complex_state_rotates() -> None:
    y1 = ODELayer(lambda _t, y: 1j * y, n_steps=8, solver="rk4")(torch.ones(1, dtype=torch.complex128))
    h = 1j / 8
    assert abs(y1.item() - (1 + h + h**2 / 2 + h**3 / 6 + h**4 / 24) ** 8) <= 64 * EPS


def test_a_sample_does_not_depend_on_its_batch(y0: Tensor) -> None:
    layer = ODELayer(lambda t, y: torch.sin(y) * t)
    assert torch.equal(layer(y0)[1], layer(y0[1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 0}, "n_steps must be an integer of at least 1, got 0; it counts steps"),
        ({"n_steps": 2.0}, r"n_steps must be an integer of at least 1, got 2\.0"),
        ({"solver": "rk5"}, "solver must be one of euler, .* got 'rk5'; choose a name"),
        ({"adjoint": "both"}, "adjoint must be one of continuous, discrete, .* got 'both'; choose"),
        ({"t1": float("nan")}, "t1 must be finite, got nan; choose a finite interval"),
        (
            {"t0": torch.zeros((), requires_grad=True), "adjoint": "reversible"},
            "t0 must be a time without gradient in reversible mode, got a tensor",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ODELayer(nn.Identity(), **options)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_slope_of_another_shape_is_refused(adjoint: str) -> None:
    with pytest.raises(ValueError, match=r"must return the shape of y, \(4, 3\), got \(4, 1\); check"):
        ODELayer(lambda _t, y: y[:, :1], adjoint=adjoint)(torch.ones(4, 3))


def test_a_tuple_of_slopes_is_refused() -> None:
    with pytest.raises(TypeError, match="must return a tensor, got tuple; for a state of several parts"):
        ODELayer(lambda _t, y: (y, y))(torch.ones(3))


@pytest.mark.parametrize(("y0", "received"), [(torch.ones(3, dtype=torch.int64), "int64"), ((1.0,), "tuple")])
def test_a_state_that_is_no_floating_tensor_is_refused(y0: object, received: str) -> None:
    with pytest.raises(TypeError, match=f"y0 must .*got .*{received}"):
        ODELayer(lambda _t, y: y)(y0)


def test_dynamics_that_cannot_be_called_are_refused() -> None:
    with pytest.raises(TypeError, match=r"dynamics must be an nn\.Module or a function"):
        ODELayer(1.0)
