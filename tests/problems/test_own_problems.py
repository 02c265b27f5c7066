"""Problems from modules: the field for tensors and arrays, its derivatives, and what is refused."""

import numpy as np
import own_fields
import pytest
import torch
from own_fields import AUTONOMOUS, CONVOLUTION, TANH, Perceptron, SymmetricGradient, batch, problem, seeded
from torch import nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.numerics.constants import LARGEST_OWN_SENSITIVITY
from nodecheck.problems import from_module, is_own, neural
from nodecheck.reference import jacobians, sensitivity
from nodecheck.reference.complex_step import field_tangents
from nodecheck.reference.routes import complex_step_through_solver, variational

SYMMETRIC = problem(SymmetricGradient, name="symmetric")
FIELDS = [TANH, AUTONOMOUS, CONVOLUTION, SYMMETRIC]
STEP = 1e-6


def at(posed, y, **params):
    return posed.vector_field(np.asarray(0.3), y, **{**posed.params, **params})


@pytest.mark.parametrize("posed", FIELDS, ids=lambda p: p.name)
class TestField:
    def test_arrays_and_tensors_give_the_same_values(self, posed):
        params = {name: torch.tensor(value) for name, value in posed.params.items()}
        found = posed.vector_field(torch.tensor(0.3, dtype=torch.float64), torch.tensor(posed.y0), **params)
        assert np.array_equal(at(posed, posed.y0), found.detach().numpy())

    def test_the_jacobian_agrees_with_a_difference_quotient(self, posed):
        found = field_tangents(posed, 0.3, posed.y0)[1][: posed.y0.shape[1]]
        for k, row in enumerate(found):
            move = STEP * np.eye(posed.y0.shape[1])[k]
            quotient = (at(posed, posed.y0 + move) - at(posed, posed.y0 - move)) / (2 * STEP)
            assert np.abs(row - quotient).max() < 100 * STEP**2 * max(1.0, np.abs(row).max() / STEP)

    def test_a_parameter_derivative_agrees_with_a_quotient(self, posed):
        name = next(iter(posed.params))
        found = jacobians(posed, 0.3, posed.y0)[1][name].reshape(*posed.y0.shape, -1)[..., 0]
        move = np.zeros_like(posed.params[name])
        move.flat[0] = STEP
        ahead, behind = (at(posed, posed.y0, **{name: posed.params[name] + s * move}) for s in (1, -1))
        assert np.allclose(found, (ahead - behind) / (2 * STEP), atol=1e-7)

    def test_the_two_routes_differentiate_alike(self, posed):
        """One by reverse mode, the other by forward mode or a second differentiation."""
        ours, other = variational(posed)[1], complex_step_through_solver(posed)[1]
        assert np.abs(ours - other).max() < 1e-10 * np.abs(ours).max()

    def test_the_dynamics_has_the_names_of_the_module(self, posed):
        named = dict(posed.vector_field.module.named_parameters())
        found = dict(Dynamics(posed).named_parameters())
        assert {n: p.shape for n, p in found.items()} == {n: p.shape for n, p in named.items()}


def test_the_gradient_is_that_of_many_small_steps():
    """By backprop through RK4 in float64, which shares the field with the reference, and no solver."""
    module = seeded(Perceptron).double()
    y = y0 = batch(4, 2).double().requires_grad_()
    n = 200
    for k in range(n):
        t, h = torch.tensor(0.5 + 0.75 * k / n, dtype=torch.float64), 0.75 / n
        k1 = module(t, y)
        k2 = module(t + h / 2, y + h / 2 * k1)
        k3 = module(t + h / 2, y + h / 2 * k2)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + module(t + h, y + h * k3))
    w = np.ones(y0.shape)
    y.sum().backward()
    exact = sensitivity(TANH).pullback(w)
    assert np.allclose(exact["y0"], y0.grad.numpy(), rtol=1e-7)
    for name, p in module.named_parameters():
        assert np.allclose(exact[name], p.grad.numpy(), rtol=1e-7, atol=1e-9)


def test_the_module_of_the_user_stays_as_it_is():
    module = seeded(Perceptron)
    posed = from_module("mine", module, batch(4, 2), 0.5, 1.25)
    sensitivity(posed)
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert all(p.grad is None for p in module.parameters())


def test_a_later_change_of_the_module_does_not_reach_the_problem():
    module = seeded(Perceptron)
    posed = from_module("mine", module, batch(4, 2), 0.5, 1.25)
    before = at(posed, posed.y0)
    with torch.no_grad():
        module.net[0].weight.zero_()
    assert np.array_equal(at(posed, posed.y0), before)


def test_a_frozen_parameter_is_a_constant_of_the_field():
    module = seeded(Perceptron)
    module.net[2].bias.requires_grad_(False)
    posed = from_module("mine", module, batch(4, 2), 0.5, 1.25)
    assert "net.2.bias" not in posed.params
    assert posed.vector_field.frozen == ("net.2.bias",)
    assert np.array_equal(at(posed, posed.y0), at(TANH, TANH.y0))


def test_copies_of_the_parameters_are_told_apart():
    """As the control solver asks: one field for each entry of the first axis."""
    double = {name: np.stack([value, 2 * value])[:, None] for name, value in TANH.params.items()}
    y = torch.tensor(np.stack([TANH.y0, TANH.y0]))
    params = {name: torch.tensor(value) for name, value in double.items()}
    found = TANH.vector_field(torch.tensor(0.3, dtype=torch.float64), y, **params).numpy()
    twice = at(TANH, TANH.y0, **{name: 2 * value for name, value in TANH.params.items()})
    assert np.allclose(found, np.stack([at(TANH, TANH.y0), twice]), rtol=1e-14)


def test_problems_of_the_suite_are_not_the_users_own():
    assert is_own(TANH)
    assert not is_own(neural)


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(64, 64)

    def forward(self, _t, y):
        return self.net(y)


class Tupled(Perceptron):
    def forward(self, t, y):
        return super().forward(t, y), y


class Indexed(Perceptron):
    def forward(self, t, y):
        return super().forward(t[:, None], y)


WIDE = 64 * 4 * (1 + 64 + 64 * 65)
REFUSED = [
    ((lambda _t, y: -y), batch(4, 2), TypeError, "module must be an nn.Module, got function"),
    (
        seeded(Perceptron),
        batch(2),
        TypeError,
        r"got torch.float32 of shape \(2,\); add the axis of the batch",
    ),
    (seeded(Perceptron), (batch(4, 2), batch(4, 2)), TypeError, "got tuple; .* join the tensors"),
    (seeded(Perceptron), torch.ones(4, 2, dtype=torch.int64), TypeError, "got torch.int64"),
    (seeded(Perceptron), batch(4, 3), ValueError, "got RuntimeError: mat1 and mat2"),
    (Tupled(), batch(4, 2), ValueError, "got tuple; .* return dy/dt alone"),
    (Indexed(), batch(4, 2), ValueError, "a time without axes"),
    (seeded(Perceptron).requires_grad_(False), batch(4, 2), ValueError, r"got none; .*requires_grad_\(\)"),
    (Wide(), batch(4, 64), ValueError, f"got {WIDE:,}: 4 members of 64 components, 4160 parameters; give a"),
    (seeded(Perceptron), batch(4, 2) / 0, ValueError, "y0 must be finite, got infinity or NaN"),
]


@pytest.mark.parametrize(("module", "y0", "error", "text"), REFUSED)
def test_what_is_no_field_is_refused_in_three_beats(module, y0, error, text):
    with pytest.raises(error, match=text):
        from_module("mine", module, y0, 0.0, 1.0)


def test_the_largest_convolution_here_is_below_the_limit():
    batch_, size = CONVOLUTION.y0.shape
    count = sum(value.size for value in CONVOLUTION.params.values())
    assert batch_ * size * (1 + size + count) < LARGEST_OWN_SENSITIVITY / 5


@pytest.mark.parametrize("kind", [own_fields.Casting, own_fields.Dropping, own_fields.Detached])
def test_a_field_that_the_gate_refuses_can_still_be_described(kind):
    """`from_module` looks at the form alone: the gate comes with the run, which tells what to do."""
    assert problem(kind).name == "mine"
