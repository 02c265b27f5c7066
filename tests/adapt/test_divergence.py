"""The view of (y, l): its trace is exact, it can be differentiated, and it asks for no gradient itself."""

from __future__ import annotations

import pytest
import torch

from nodecheck import adapt
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.numerics import EPS
from nodecheck.problems import constant, linear, neural, neural_log_det


def state_of(problem, *, requires_grad=True):
    y = torch.tensor(problem.y0, requires_grad=requires_grad)
    return y, torch.zeros_like(y[:, 0])


def test_it_returns_the_field_and_its_trace():
    slope, trace = adapt.with_divergence(Dynamics(neural))(0.7, state_of(neural))
    params = {name: torch.tensor(value) for name, value in neural.params.items()}
    both = neural_log_det.vector_field(
        torch.tensor(0.7, dtype=torch.float64), torch.tensor(neural_log_det.y0), **params
    )
    assert (torch.cat([slope, trace[:, None]], dim=1) - both).abs().max() <= 32 * EPS


def test_the_trace_can_be_differentiated():
    y, start = state_of(neural)
    _, trace = adapt.with_divergence(Dynamics(neural))(0.7, (y, start))
    trace.sum().backward()
    assert y.grad.abs().max() > 0


@pytest.mark.parametrize("problem", [constant, linear], ids=lambda p: p.name)
def test_a_constant_trace_is_no_trouble(problem):
    _, trace = adapt.with_divergence(Dynamics(problem))(0.7, state_of(problem))
    expected = torch.tensor(problem.params["A"]).trace() if problem is linear else torch.tensor(0.0)
    assert (trace - expected).abs().max() <= 8 * EPS


def test_l_may_have_an_axis_of_its_own():
    y, start = state_of(neural)
    assert adapt.with_divergence(Dynamics(neural))(0.7, (y, start[:, None]))[1].shape == (4, 1)


def test_nothing_requires_a_gradient_under_no_grad():
    with torch.no_grad():
        found = adapt.with_divergence(Dynamics(neural))(0.7, state_of(neural))
    assert not any(part.requires_grad for part in found)


def test_nothing_requires_a_gradient_where_nobody_asked():
    dynamics = Dynamics(neural).requires_grad_(requires_grad=False)
    found = adapt.with_divergence(dynamics)(0.7, state_of(neural, requires_grad=False))
    assert not any(part.requires_grad for part in found)


def test_parameters_get_a_gradient_where_the_state_needs_none():
    dynamics = Dynamics(neural)
    _, trace = adapt.with_divergence(dynamics)(0.7, state_of(neural, requires_grad=False))
    trace.sum().backward()
    assert dynamics.W1.grad.abs().max() > 0


def test_a_call_with_the_state_alone_says_what_it_takes():
    with pytest.raises(adapt.ViewCallError, match=r"expected f\(t, \(y, l\)\)"):
        adapt.with_divergence(Dynamics(neural))(state_of(neural)[0])
