"""The text of a build in a script: written out with its imports, or imported with the reason."""

# ruff: noqa: ARG005 (what a build does with its arguments does not matter here)

from __future__ import annotations

import functools
import math

import pytest
import torch
from torch import nn

from nodecheck import adapt
from nodecheck.reproduce.inlining import NotInlined, inlined

RATE = 0.5


def made_with(method, scale):
    """Return a build with two values of its own."""

    def build(dynamics: nn.Module, t0: float, t1: float, n_steps: int):
        """Build."""
        layer: nn.Module = nn.Identity(method, scale)
        return lambda y0: layer(y0)

    return build


def test_a_lambda_is_written_as_it_stands():
    build = lambda dynamics, t0, t1, n_steps: math.floor(t0)  # noqa: E731
    assert inlined(build) == (
        "import math",
        "build = lambda dynamics, t0, t1, n_steps: math.floor(t0)",
    )


def test_two_lambdas_of_a_line_are_told_apart():
    first, second = (lambda f, t0, t1, n_steps: t0), (lambda f, t0, t1, n_steps: t1)
    assert inlined(second)[-1].endswith(": t1")
    assert inlined(first)[-1].endswith(": t0")


def test_a_function_loses_annotations_and_its_docstring():
    text = "\n".join(inlined(made_with("rk4", 2.0)))
    assert "def build(dynamics, t0, t1, n_steps):" in text
    assert "Build." not in text
    assert "Module" not in text


def test_values_of_a_closure_are_assigned_before_it():
    lines = inlined(made_with("rk4", math.inf))
    assert lines[:3] == ("import torch.nn as nn", "method = 'rk4'", "scale = float('inf')")


def test_a_constant_of_the_module_is_written_out():
    assert "RATE = 0.5" in inlined(lambda dynamics, t0, t1, n_steps: RATE)


def test_torch_itself_is_not_imported_a_second_time():
    assert len(inlined(lambda dynamics, t0, t1, n_steps: torch.ones(2))) == 1


def test_views_of_nodecheck_are_replaced_by_their_lines():
    lines = inlined(lambda dynamics, t0, t1, n_steps: adapt.swapped(dynamics))
    names: dict = {"torch": torch}
    exec("\n".join(lines), names)
    view = names["build"](nn.Bilinear(1, 1, 1), 0.0, 1.0, 5)
    assert len(list(view.parameters())) == 2


@pytest.mark.parametrize("name", ["grid", "step_size"])
def test_readings_give_what_those_of_nodecheck_give(name):
    from nodecheck.reproduce.readings import READINGS

    names: dict = {"torch": torch}
    exec("\n".join(["class adapt:", *(f"    {line}" for line in READINGS[name])]), names)
    own, theirs = getattr(names["adapt"], name)(0.3, 1.7, 7), getattr(adapt, name)(0.3, 1.7, 7)
    assert torch.equal(torch.as_tensor(own), torch.as_tensor(theirs))


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (functools.partial(made_with, 1), "is a partial"),
        (lambda dynamics, t0, t1, n_steps: adapt.with_params(dynamics), "adapt.with_params"),
        (lambda dynamics, t0, t1, n_steps: inlined(dynamics), "inlined of nodecheck"),
    ],
)
def test_what_cannot_be_written_out_says_why(build, why):
    with pytest.raises(NotInlined, match=why):
        inlined(build)
