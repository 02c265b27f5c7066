"""A view evaluates the dynamics under another signature, and otherwise behaves like the dynamics."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from public_layers import ODEFunc
from torch import nn

from nodecheck import adapt
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.problems import neural

T = 0.7
Y = torch.tensor(neural.y0)
Z = adapt.append_time(Y, T)


class NoModule:
    """A base class that is no module, and whose constructor takes an argument."""

    def __init__(self, name):
        self.name = name

    def drift(self, t, y):
        raise NotImplementedError


def params(view):
    return list(view.parameters())


# The view, and the call by which a layer evaluates it at (T, Y).
VIEWS = {
    "swapped": (adapt.swapped, lambda f: f(Y, T)),
    "autonomous": (adapt.autonomous, lambda f: adapt.drop_time(f(Z))),
    "with_params": (adapt.with_params, lambda f: f(T, Y, *params(f))),
    "with_flat_params": (adapt.with_flat_params, lambda f: f(T, Y, adapt.flat_params(f))),
    "swapped with flat params": (
        lambda d: adapt.swapped(adapt.with_flat_params(d)),
        lambda f: f(Y, T, adapt.flat_params(f)),
    ),
    "over_unit_interval": (lambda d: adapt.over_unit_interval(d, 0.5, 2.5), lambda f: f(0.1, Y) / 2.0),
    "subclass": (lambda d: adapt.subclass(d, nn.Module), lambda f: f(T, Y)),
    "subclass of a base": (
        lambda d: adapt.subclass(adapt.swapped(d), ODEFunc, "ours"),
        lambda f: f.forward_with_grad(Y, T),
    ),
    "subclass of no module": (
        lambda d: adapt.subclass(d, NoModule, name="ours", method="drift"),
        lambda f: f.drift(T, Y),
    ),
}


@pytest.fixture
def dynamics():
    return Dynamics(neural)


@pytest.fixture(params=VIEWS)
def view(request, dynamics):
    """Return a view, a function that evaluates it, and the dynamics behind it."""
    make, evaluate = VIEWS[request.param]
    return make(dynamics), evaluate, dynamics


def test_a_view_is_a_module(view):
    assert isinstance(view[0], nn.Module)


def test_a_view_has_the_value_of_the_dynamics(view):
    f, evaluate, dynamics = view
    torch.testing.assert_close(evaluate(f), dynamics(T, Y), rtol=1e-14, atol=1e-14)


def test_a_view_has_the_parameters_of_the_dynamics(view):
    f, _, dynamics = view
    assert all(p is q for p, q in zip(f.parameters(), dynamics.parameters(), strict=True))


def test_gradients_reach_the_parameters_through_a_view(view):
    f, evaluate, dynamics = view
    through = torch.autograd.grad(evaluate(f).sum(), params(dynamics))
    for gradient, expected in zip(
        through, torch.autograd.grad(dynamics(T, Y).sum(), params(dynamics)), strict=True
    ):
        torch.testing.assert_close(gradient, expected, rtol=1e-13, atol=1e-13)


def test_a_call_through_a_view_is_recorded(view):
    f, evaluate, dynamics = view
    evaluate(f)
    assert [call.t for call in dynamics.trace.calls] == [pytest.approx(T)]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))], ids=["copy", "pickle"]
)
def test_a_copy_of_a_view_has_the_same_values_and_parameters_of_its_own(view, duplicate):
    f, evaluate, _ = view
    other = duplicate(f)
    assert type(other) is type(f)
    assert not {id(p) for p in other.parameters()} & {id(p) for p in f.parameters()}
    assert torch.equal(evaluate(other), evaluate(f))


def test_the_field_of_the_autonomous_view_lets_time_run_at_rate_one(dynamics):
    assert torch.equal(adapt.autonomous(dynamics)(Z)[..., -1], torch.ones(len(Y), dtype=Y.dtype))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (5, 4, 3)], ids=str)
def test_the_autonomous_view_takes_states_with_any_leading_axes(dynamics, shape):
    y = torch.linspace(-1, 1, torch.Size(shape).numel(), dtype=torch.float64).reshape(shape)
    slope = adapt.drop_time(adapt.autonomous(dynamics)(adapt.append_time(y, T)))
    torch.testing.assert_close(slope, dynamics(T, y), rtol=1e-14, atol=1e-14)


def test_members_of_a_batch_may_be_at_different_times(dynamics):
    times = torch.linspace(0.3, 1.7, len(Y), dtype=torch.float64)
    slope = adapt.autonomous(dynamics)(torch.cat([Y, times[:, None]], dim=-1))
    assert torch.equal(adapt.drop_time(slope), dynamics(times, Y))


def test_gradients_with_respect_to_given_parameters_reach_those(dynamics):
    given = [p.detach().clone().requires_grad_() for p in dynamics.parameters()]
    f = adapt.with_params(dynamics)
    assert all(g is not None for g in torch.autograd.grad(f(T, Y, *given).sum(), given))
    assert not torch.equal(f(T, Y, *(2 * p for p in given)), f(T, Y, *given))


def test_gradients_with_respect_to_a_flat_vector_reach_that(dynamics):
    theta = adapt.flat_params(dynamics).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(adapt.with_flat_params(dynamics)(T, Y, theta).sum(), theta)
    expected = torch.autograd.grad(dynamics(T, Y).sum(), params(dynamics))
    torch.testing.assert_close(gradient, torch.cat([g.reshape(-1) for g in expected]), rtol=1e-13, atol=1e-13)


def test_a_view_can_be_compiled_into_one_graph():
    field = nn.Linear(3, 3, dtype=torch.float64)

    class Field(nn.Module):
        def forward(self, t, y):
            return field(y) * t

    compiled = torch.compile(adapt.swapped(Field()), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(Y, torch.tensor(T)), field(Y) * T)


def test_an_instance_of_a_base_class_is_one_and_was_constructed_as_such(dynamics):
    f = adapt.subclass(adapt.swapped(dynamics), ODEFunc, name="ours")
    assert (isinstance(f, ODEFunc), f.name) == (True, "ours")


def test_two_instances_of_a_base_class_have_one_type(dynamics):
    assert type(adapt.subclass(dynamics, ODEFunc)) is type(adapt.subclass(dynamics, ODEFunc))
