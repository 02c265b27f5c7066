"""The exact gradient of an audit, against the formula, brute force and a second route."""

from __future__ import annotations

import math

import pytest
import torch
from models import Convolution, Flow, Tanh, Timed, batch, loss, made, ours
from torch import nn

from nodecheck.own_model.audit import Audit, task_of
from nodecheck.own_model.reference import NoReferenceError, difference, norm, reference_of
from nodecheck.own_model.tangent import tangent_along

TIMES = torch.tensor([0.0, 0.5, 2.0])


class Decay(nn.Module):
    def __init__(self, rate=0.7):
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(rate))

    def forward(self, t, y):
        return -self.rate * y


class Kinked(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, t, y):
        return self.net(y)


class Exploding(nn.Module):
    def __init__(self):
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(1.0))

    def forward(self, t, y):
        return self.rate * y.square()


def task(dynamics, y0=None, t=TIMES, chosen=loss):
    y0 = batch(dynamics) if y0 is None else y0
    return task_of(Audit("mine", ours(n_steps=5), dynamics, y0, t, chosen), torch.float64)


def test_it_is_the_derivative_of_the_solution_in_closed_form():
    y0 = torch.full((1, 2), 0.5, requires_grad=True)
    found = reference_of(task(Decay(), y0, chosen=lambda ys: ys[-1].sum()), 1e-3, final=False)
    decayed = math.exp(-2.0 * float(torch.tensor(0.7)))
    assert float(found.gradient["rate"]) == pytest.approx(-2.0 * decayed, rel=10 * found.error + 1e-12)
    assert found.gradient["y0"].tolist() == [[pytest.approx(decayed, rel=1e-7)] * 2]


@pytest.mark.parametrize("model", [Tanh, Timed, Convolution, Flow])
def test_its_error_is_what_it_says(model):
    coarse = reference_of(task(made(model)), 0.1, final=False)
    fine = reference_of(task(made(model)), 1e-8, final=False)
    true = norm(difference(coarse.gradient, fine.gradient)) / norm(fine.gradient)
    assert true <= 3 * coarse.error


@pytest.mark.parametrize("model", [Tanh, Timed, Convolution, Flow])
def test_the_tangent_by_scipy_agrees(model):
    chosen = task(made(model))
    found = reference_of(chosen, 1e-4, final=False)
    assert tangent_along(chosen, found).gap <= 3 * found.error + 1e-7


def test_two_tolerances_with_the_same_steps_say_nothing_about_the_error():
    torch.manual_seed(0)
    times = torch.linspace(0.0, 1.0, 101)  # each output ends a step, and 1e-6 and 1e-8 need no more
    found = reference_of(task(Kinked(), torch.randn(5, 2), times), 0.01, final=False)
    assert found.method != "dopri5 at 1e-08"
    assert found.error > 1e-12


def test_kinks_are_answered_with_a_larger_error():
    torch.manual_seed(0)
    found = reference_of(task(Kinked()), 0.01, final=False)
    assert found.error <= 0.01 / 30
    assert tangent_along(task(Kinked()), found).gap <= 1.0  # another draw of the weights: only that it runs


def test_a_solution_that_explodes_has_no_reference():
    y0 = torch.full((1, 1), 2.0)
    with pytest.raises(NoReferenceError, match="expected an exact gradient"):
        reference_of(task(Exploding(), y0), 0.01, final=False)


@pytest.mark.parametrize(("rate", "growth"), [(0.7, math.exp(1.4)), (-0.5, math.exp(-1.0))])
def test_the_growth_of_errors_backwards_is_that_of_the_flow(rate, growth):
    chosen = task(Decay(rate), torch.ones(1, 2))
    found = reference_of(chosen, 1e-3, final=False)
    assert tangent_along(chosen, found).growth == pytest.approx(growth, rel=1e-2)


def test_the_exact_trajectory_goes_on_beyond_the_ends():
    chosen = task(Decay(), torch.ones(1, 2))
    at = tangent_along(chosen, reference_of(chosen, 1e-3, final=False)).at
    for t in (-0.1, 1.3, 2.1):
        assert float(at(t)[0, 0]) == pytest.approx(math.exp(-0.7 * t), rel=1e-6)
