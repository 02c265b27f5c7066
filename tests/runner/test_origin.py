"""The origin of an error: the layer's own last line, and never a line of nodecheck's."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.problems import spiral
from nodecheck.runner.measure import raised_by
from nodecheck.runner.origin import origin
from nodecheck.runner.time_limit import TimeLimitExceeded

OURS = "Raised in nodecheck itself, not in the layer: please report it."
HERE = "(runner/test_origin.py, line "


def run_as(module, source, **names):
    """Run source as code of a module, without a file."""
    exec(compile(source, "<string>", "exec"), {"__name__": module, **names})


def where(call):
    """Return the origin of what a call raises, without the lines of this file that lead to it."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        call()
    error = caught.value
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return origin(error.with_traceback(trace))


@pytest.mark.parametrize("module", ["nodecheck.problems.linear", "nodecheck.measure.cost", "nodecheck"])
def test_code_that_nodecheck_generates_is_not_the_layer(module):
    assert where(lambda: run_as(module, "1 / 0")) == OURS


def test_generated_code_of_a_layer_is_the_layer():
    assert where(lambda: run_as("mylib", "1 / 0")) == "Raised in <module> (<string>, line 1)."


@pytest.mark.parametrize("module", ["nodecheck.mutants.adaptive", "nodecheck.targets.third_party.torchdyn"])
def test_layers_that_nodecheck_holds_are_layers(module):
    assert where(lambda: run_as(module, "1 / 0")).startswith("Raised in <module> (<string>")


def test_a_library_that_nodecheck_calls_wrongly_is_not_the_layer():
    source = "torch.einsum('ij,jk', torch.ones(2))"
    assert where(lambda: run_as("nodecheck.measure.cost", source, torch=torch)) == OURS


def test_a_backward_pass_that_raises_by_itself_names_autograd():
    source = "torch.autograd.grad(torch.ones((), requires_grad=True).detach(), torch.ones(()))"
    found = where(lambda: run_as("nodecheck.measure.cost", source, torch=torch))
    assert found.startswith("Raised in grad (autograd/__init__.py, line ")


def wrongly_called(dynamics):
    return dynamics(0.0, torch.ones(2, 5, dtype=torch.float64))


def test_a_field_of_a_problem_that_raises_names_the_line_that_called_it():
    found = raised_by(lambda: wrongly_called(Dynamics(spiral)))
    assert found.where.startswith(f"Raised in wrongly_called {HERE}")


@dataclass
class Checked:
    steps: int

    def __post_init__(self):
        raise ValueError


def test_a_dataclass_of_the_layer_names_its_own_line():
    assert raised_by(lambda: Checked(3)).where.startswith(f"Raised in __post_init__ {HERE}")


@pytest.mark.parametrize("limit", [TimeLimitExceeded, MemoryError])
def test_a_limit_reached_in_code_of_nodecheck_is_no_fault_of_it(limit):
    assert where(lambda: run_as("nodecheck.measure.cost", "raise limit", limit=limit)) == ""
