"""A view that is called with other arguments says which call it takes."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

import nodecheck.adapt.views
from nodecheck import adapt
from nodecheck.adapt.view import View
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.problems import neural

T = 0.7
Y = torch.tensor(neural.y0)


@pytest.fixture
def dynamics():
    return Dynamics(neural)


WRONG_CALLS = {
    "swapped": (
        lambda d: adapt.swapped(d)(Y),
        "expected f(y, t) of adapt.swapped(dynamics), got 1 argument;",
    ),
    "autonomous": (
        lambda d: adapt.autonomous(d)(T, Y),
        "expected f(z) of adapt.autonomous(dynamics), got 2 arguments;",
    ),
    "with_params": (
        lambda d: adapt.with_params(d)(T),
        "expected f(t, y, *params) of adapt.with_params(dynamics), got 1 argument;",
    ),
    "with_flat_params": (
        lambda d: adapt.with_flat_params(d)(T, y=Y),
        "expected f(t, y, theta) of adapt.with_flat_params(dynamics), got 2 arguments;",
    ),
    "over_unit_interval": (
        lambda d: adapt.over_unit_interval(d, 0.0, 1.0)(),
        "expected f(s, y) of adapt.over_unit_interval(dynamics), got 0 arguments;",
    ),
}


def test_every_view_has_a_wrong_call_here():
    views = {value for value in vars(nodecheck.adapt.views).values() if isinstance(value, type)} - {View}
    assert {view.made_by for view in views if issubclass(view, View)} == set(WRONG_CALLS)


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_call_with_other_arguments_is_refused_by_the_view(name, dynamics):
    call, message = WRONG_CALLS[name]
    with pytest.raises(adapt.ViewCallError) as caught:
        call(dynamics)
    assert str(caught.value).startswith(message)
    assert caught.value.view == name


def test_the_view_that_refuses_is_the_one_that_was_called_wrongly(dynamics):
    view = adapt.swapped(adapt.with_flat_params(dynamics))
    with pytest.raises(adapt.ViewCallError, match=r"got 2 arguments; see `nodecheck\.adapt`") as caught:
        view(Y, T)
    assert caught.value.view == "with_flat_params"


def test_an_error_of_the_dynamics_itself_is_not_one_of_the_view():
    class Failing(nn.Module):
        def forward(self, _t, y):
            return y + None

    with pytest.raises(TypeError) as caught:
        adapt.swapped(Failing())(Y, T)
    assert not isinstance(caught.value, adapt.ViewCallError)


def test_an_error_of_a_view_can_be_sent_to_another_process(dynamics):
    with pytest.raises(adapt.ViewCallError) as caught:
        adapt.swapped(dynamics)(Y)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("call", "received", "advice"),
    [
        (lambda d: adapt.with_params(d)(T, Y), "got 0 parameters", r"\*dynamics.parameters\(\)"),
        (
            lambda d: adapt.with_flat_params(d)(T, Y, torch.zeros(7)),
            r"got \(7,\)",
            r"adapt.flat_params\(dynamics\)",
        ),
    ],
    ids=["with_params", "with_flat_params"],
)
def test_other_parameters_than_those_of_the_dynamics_are_refused(dynamics, call, received, advice):
    with pytest.raises(TypeError, match=f"expected .*{received}; pass {advice}"):
        call(dynamics)


def test_the_errors_of_views_are_imported_without_torch():
    code = "import sys; from nodecheck.adapt import ViewCallError; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
