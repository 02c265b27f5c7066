"""The dynamics takes whatever layers hand to it, and records what that was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.func import functional_call

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import CallError, times_of
from nodecheck.numerics import EPS, EPS_FLOAT32
from nodecheck.problems import PROBLEMS, neural, spiral, time_linear

T = 0.7  # no short binary fraction: a detour through float32 shows
Y = torch.tensor(neural.y0)

TIMES = {
    "a Python float": T,
    "a NumPy float64": np.float64(T),
    "a NumPy 0-d array": np.array(T),
    "a tensor of shape ()": torch.tensor(T, dtype=torch.float64),
    "a tensor of shape (1,)": torch.full((1,), T, dtype=torch.float64),
    "a tensor of shape (1, 1)": torch.full((1, 1), T, dtype=torch.float64),
    "a tensor of shape (B,)": torch.full((len(Y),), T, dtype=torch.float64),
    "a tensor with a graph": torch.tensor(T, dtype=torch.float64, requires_grad=True),
}


def times(dynamics, phase="forward"):
    """Return the times of the calls of one phase."""
    return times_of(dynamics.trace.of(phase))


def exact(problem, t, y):
    return problem.vector_field(np.float64(t), y, **problem.params)


@pytest.mark.parametrize("name", TIMES)
def test_the_time_may_be(name):
    result = Dynamics(neural)(TIMES[name], Y).detach().numpy()
    # torch and NumPy sum the hidden layer in another order.
    np.testing.assert_allclose(result, exact(neural, T, neural.y0), rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("name", TIMES)
def test_the_time_is_recorded_as_it_was_given(name):
    dynamics = Dynamics(neural)
    dynamics(TIMES[name], Y)
    assert [call.t for call in dynamics.trace.calls] == [T]


@pytest.mark.parametrize("name", TIMES)
def test_the_type_of_the_time_is_recorded_for_tensors_only(name):
    dynamics = Dynamics(neural)
    dynamics(TIMES[name], Y)
    expected = "float64" if isinstance(TIMES[name], torch.Tensor) else None
    assert dynamics.trace.calls[0].t_dtype == expected


def test_a_python_float_is_not_rounded_to_the_default_dtype():
    result = Dynamics(time_linear)(T, torch.tensor(time_linear.y0)).detach().numpy()
    error = np.abs(result - exact(time_linear, T, time_linear.y0)).max()
    assert error < EPS_FLOAT32 / 100


def test_a_float32_time_beside_a_float64_state_is_recorded():
    dynamics = Dynamics(neural)
    dynamics(torch.tensor(T), Y)
    (call,) = dynamics.trace.calls
    assert (call.t_dtype, call.y_dtype, call.t) == ("float32", "float64", float(np.float32(T)))


def test_a_float32_time_does_not_lower_the_type_of_the_result():
    assert Dynamics(neural)(torch.tensor(T), Y).dtype == torch.float64


def test_an_integer_time_is_taken():
    assert torch.equal(Dynamics(neural)(1, Y), Dynamics(neural)(1.0, Y))


def test_each_member_of_a_batch_may_have_its_own_time():
    times = torch.linspace(0.3, 1.7, len(Y), dtype=torch.float64)
    dynamics = Dynamics(neural)
    together = dynamics(times, Y)
    alone = torch.cat([dynamics(float(t), Y[i : i + 1]) for i, t in enumerate(times)])
    torch.testing.assert_close(together, alone, rtol=0, atol=100 * EPS)


def test_of_different_times_in_a_batch_the_mean_is_recorded():
    dynamics = Dynamics(neural)
    dynamics(torch.tensor([0.0, 0.5, 1.0, 1.5], dtype=torch.float64), Y)
    assert dynamics.trace.calls[0].t == 0.75


def test_times_that_are_neither_one_nor_one_for_each_member_are_refused():
    with pytest.raises(CallError, match=r"got t as Tensor of shape \(3,\) and y as Tensor of shape \(4, 3\)"):
        Dynamics(neural)(torch.zeros(3, dtype=torch.float64), Y)


@pytest.mark.parametrize(
    "t", [T, torch.tensor(T), torch.full((len(Y),), T), torch.full((len(Y), 1), T)], ids=str
)
def test_state_and_time_in_the_other_order_are_named(t):
    with pytest.raises(CallError, match=r"the other order: give a layer that calls f\(y, t\) adapt.swapped"):
        Dynamics(neural)(Y, t)


def test_a_state_that_is_no_tensor_is_refused():
    with pytest.raises(CallError, match="got t as float and y as ndarray of shape"):
        Dynamics(neural)(T, neural.y0)


def test_what_is_refused_is_no_call():
    dynamics = Dynamics(neural)
    with pytest.raises(CallError):
        dynamics(Y, T)
    assert dynamics.trace.calls == []


@pytest.mark.parametrize("leading", [(), (1,), (5,), (3, 4), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_the_state_may_have_any_leading_shape(problem, leading):
    y = torch.tensor(np.broadcast_to(problem.y0[0], (*leading, problem.y0.shape[1])).copy())
    result = Dynamics(problem)(T, y).detach().numpy()
    expected = np.broadcast_to(exact(problem, T, problem.y0[0]), y.shape)
    assert result.shape == y.shape
    np.testing.assert_allclose(result, expected, rtol=100 * EPS, atol=100 * EPS)


@pytest.mark.parametrize("shape", [(2,), (4, 2), (3, 4, 2)], ids=str)
def test_the_shape_of_the_state_is_recorded(shape):
    dynamics = Dynamics(spiral)
    dynamics(T, torch.zeros(shape, dtype=torch.float64))
    assert dynamics.trace.calls[0].y_shape == shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_result_has_the_type_of_the_state(dtype):
    assert Dynamics(neural, dtype)(T, Y.to(dtype)).dtype == dtype


def test_every_parameter_of_the_problem_is_a_parameter_of_the_module():
    params = {name: p.detach().numpy() for name, p in Dynamics(neural).named_parameters()}
    assert params.keys() == neural.params.keys()
    assert all(np.array_equal(params[name], value) for name, value in neural.params.items())


def test_writing_into_a_parameter_does_not_reach_the_problem():
    before = neural.params["W1"].copy()
    with torch.no_grad():
        Dynamics(neural).W1.zero_()
    assert np.array_equal(neural.params["W1"], before)


def test_calls_are_recorded_in_their_order():
    dynamics = Dynamics(neural)
    for t in (0.5, 0.25, 1.0):
        dynamics(t, Y)
    assert times(dynamics) == (0.5, 0.25, 1.0)


def test_a_call_that_raises_is_recorded_too():
    dynamics = Dynamics(neural)
    with pytest.raises((RuntimeError, IndexError)):
        dynamics(T, torch.zeros(3, 7, dtype=torch.float64))
    assert times(dynamics) == (T,)


def test_a_copy_of_the_dynamics_records_in_the_same_place():
    dynamics = Dynamics(neural)
    copy.deepcopy(dynamics)(T, Y)
    assert times(dynamics) == (T,)


def test_a_copy_of_the_dynamics_has_parameters_of_its_own():
    dynamics = Dynamics(neural)
    with torch.no_grad():
        copy.deepcopy(dynamics).W1.zero_()
    assert torch.any(dynamics.W1 != 0)


def test_calls_in_the_backward_pass_are_recorded_as_such():
    dynamics = Dynamics(neural)
    dynamics(0.5, Y)
    with dynamics.trace.backward():
        dynamics(1.0, Y)
    assert (times(dynamics), times(dynamics, "backward")) == ((0.5,), (1.0,))


def test_after_a_backward_pass_that_raised_calls_are_forward_again():
    trace = Dynamics(neural).trace
    with pytest.raises(KeyError), trace.backward():
        raise KeyError
    assert trace.phase == "forward"


def test_a_copy_made_before_the_backward_pass_knows_the_phase():
    dynamics = Dynamics(neural)
    other = copy.deepcopy(dynamics)
    with dynamics.trace.backward():
        other(T, Y)
    assert times(dynamics, "backward") == (T,)


def test_functional_call_uses_the_parameters_it_is_given():
    dynamics = Dynamics(neural)
    doubled = {name: 2 * p.detach() for name, p in dynamics.named_parameters()}
    result = functional_call(dynamics, doubled, (T, Y)).numpy()
    params = {name: 2 * value for name, value in neural.params.items()}
    expected = neural.vector_field(np.float64(T), neural.y0, **params)
    np.testing.assert_allclose(result, expected, rtol=100 * EPS, atol=100 * EPS)


def test_functional_call_with_detached_copies_gives_them_the_gradient():
    dynamics = Dynamics(neural)
    copies = {name: p.detach().clone().requires_grad_() for name, p in dynamics.named_parameters()}
    functional_call(dynamics, copies, (T, Y)).sum().backward()
    assert all(p.grad is None for p in dynamics.parameters())
    assert all(torch.any(c.grad != 0) for c in copies.values())


def test_functional_call_is_recorded():
    dynamics = Dynamics(neural)
    functional_call(dynamics, dict(dynamics.named_parameters()), (T, Y))
    assert times(dynamics) == (T,)


def test_the_gradient_with_respect_to_time_passes_through():
    t = torch.tensor(T, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(Dynamics(time_linear)(t, torch.tensor(time_linear.y0)).sum(), t)
    step = 2.0**-20
    difference = (
        exact(time_linear, T + step, time_linear.y0) - exact(time_linear, T - step, time_linear.y0)
    ).sum()
    # Central differences err by the square of the step, and by rounding over the step.
    assert float(slope) == pytest.approx(difference / (2 * step), abs=100 * (step**2 + EPS / step))


@pytest.mark.filterwarnings("ignore")  # the compiler warns of itself, and of what it looks at on its way
def test_a_compiled_loop_is_compiled_once_whatever_has_been_recorded():
    graphs = []

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    @torch.compile(backend=backend)
    def euler(dynamics, y):
        for t in (0.0, 0.5):
            y = y + 0.5 * dynamics(t, y)
        return y

    dynamics, y = Dynamics(neural), torch.tensor(neural.y0)
    euler(dynamics, y)
    once = len(graphs)
    for _ in range(3):
        euler(dynamics, y)
    assert len(graphs) == once
    assert len(dynamics.trace.calls) == 8
