"""The exact gradient of a gradient penalty, against autograd through closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.numerics import FLOOR_FACTOR
from nodecheck.problems import cubic, logistic, neural_quarter
from nodecheck.reference import penalty_gradient

LOSSES = pytest.mark.parametrize(
    ("quadratic", "of_parameters"), [(False, False), (False, True), (True, False), (True, True)]
)


def weights(problem):
    return np.random.default_rng(0).standard_normal(problem.y0.shape)


def by_autograd(problem, *, quadratic, of_parameters):
    """Return the gradients of L and of P by differentiating the closed form twice."""
    y0 = torch.tensor(problem.y0, requires_grad=True)
    params = {name: torch.tensor(value, requires_grad=True) for name, value in problem.params.items()}
    times = (torch.tensor(t, dtype=torch.float64) for t in (problem.t0, problem.t1))
    y1 = problem.exact_flow(*times, y0, **params)
    loss = (torch.tensor(weights(problem)) * y1).sum() + (y1.square().sum() / 2 if quadratic else 0.0)
    leaves = [y0, *params.values()]
    first = torch.autograd.grad(loss, leaves, create_graph=True)
    penalty = sum(g.square().sum() / 2 for g in (first if of_parameters else first[:1]))
    second = torch.autograd.grad(penalty, leaves)
    names = ["y0", *params]
    return ({n: g.detach().numpy() for n, g in zip(names, found, strict=True)} for found in (first, second))


@LOSSES
@pytest.mark.parametrize("problem", [logistic, cubic(1.0)], ids=lambda p: p.name)
def test_both_gradients_are_those_of_the_closed_form(problem, quadratic, of_parameters):
    how = {"quadratic": quadratic, "of_parameters": of_parameters}
    found = penalty_gradient(problem, weights(problem), **how)
    first, second = by_autograd(problem, **how)
    for name in first:
        size = np.sqrt(np.mean(second[name] ** 2))
        assert found.loss[name] == pytest.approx(first[name], rel=1e-12)
        assert np.abs(found.penalty[name] - second[name]).max() <= FLOOR_FACTOR * found.rtol * size


@LOSSES
def test_the_error_is_far_below_that_of_a_layer_of_order_four(quadratic, of_parameters):
    how = {"quadratic": quadratic, "of_parameters": of_parameters}
    found = penalty_gradient(neural_quarter, weights(neural_quarter), **how)
    assert FLOOR_FACTOR * found.rtol <= 1e-7  # where rk4 takes 16 steps: 5e-7
