"""The names of the parameters of `build` say which form a layer has."""

# ruff: noqa: ARG005

from __future__ import annotations

import pytest

from nodecheck.layers import TorchLayer
from nodecheck.layers.form import form_of
from nodecheck.runner.plan import card_of

FORMS = [
    (lambda dynamics, t0, t1, n_steps: None, "n_steps", False, {"n_steps": 8}),
    (lambda dynamics, t0, t1, tol: None, "tol", False, {"tol": 8}),
    (lambda dynamics, t0, t1, rtol, atol: None, "tol", False, {"rtol": 8, "atol": 8}),
    (lambda dynamics, ts, n_steps: None, "n_steps", True, {"n_steps": 8}),
    (lambda dynamics, ts, tol: None, "tol", True, {"tol": 8}),
    (lambda dynamics, ts, rtol, atol: None, "tol", True, {"rtol": 8, "atol": 8}),
    (lambda f, a, b, n_steps, more=1: None, "n_steps", False, {"n_steps": 8}),
]


@pytest.mark.parametrize(("build", "resolution", "output_times", "arguments"), FORMS)
def test_every_form_is_told_from_the_names(build, resolution, output_times, arguments):
    form = form_of("mine", build)
    assert (form.resolution, form.output_times) == (resolution, output_times)
    assert form.arguments(8) == arguments


def test_an_absolute_tolerance_of_its_own_is_given_as_such():
    form = form_of("mine", lambda dynamics, t0, t1, rtol, atol: None)
    assert form.arguments(8, 2) == {"rtol": 8, "atol": 2}


@pytest.mark.parametrize("build", [lambda f, t0, t1, tol: None, lambda f, t0, t1, n_steps: None])
def test_an_absolute_tolerance_is_refused_where_there_is_none(build):
    with pytest.raises(ValueError, match="expected a build with rtol and atol"):
        form_of("mine", build).arguments(8, 2)


@pytest.mark.parametrize(
    "build",
    [
        lambda dynamics, t0, t1: None,
        lambda dynamics, ts: None,
        lambda dynamics, ts, t1, n_steps: None,
        lambda dynamics, t0, t1, atol: None,
        lambda dynamics, ts, n_steps, more: None,
    ],
)
def test_other_parameters_are_refused_with_the_forms_there_are(build):
    with pytest.raises(TypeError, match=r"must take .*dynamics, t0, t1, ….*dynamics, ts, …"):
        form_of("mine", build)


@pytest.mark.parametrize(
    ("build", "supports", "asked"),
    [
        (lambda dynamics, ts, n_steps: None, (), True),
        (lambda dynamics, t0, t1, n_steps: None, ("time-gradients",), True),
        (lambda dynamics, t0, t1, n_steps: None, (), False),
    ],
)
def test_gradients_of_times_are_asked_of_layers_that_take_tensors(build, supports, asked):
    kinds = card_of(TorchLayer("mine", build, supports=supports)).kinds
    assert ("times" in kinds) is asked
