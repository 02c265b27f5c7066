"""The scope of a verdict: what was looked at, and what the adapter drops of the layer's output."""

# ruff: noqa: ARG004  (a backward pass that needs no context)

from __future__ import annotations

import pytest
import torch
from adapters import without_time
from public_layers import equal_steps, march
from right_flows import FLOWS
from wrong_layers import marching, rk4_step

import nodecheck
from nodecheck import adapt
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import SMOKE
from nodecheck.report.words import Word, verdict
from nodecheck.results import Outcome, Status

(FORWARD_PASS,) = (check for check in CHECKS if check.id == "forward-pass")


class OnlyTheLast(torch.autograd.Function):
    """The identity on a trajectory, whose backward pass forgets every cotangent before the last."""

    @staticmethod
    def forward(ctx, states):
        return states.clone()

    @staticmethod
    def backward(ctx, cotangents):
        kept = torch.zeros_like(cotangents)
        kept[-1] = cotangents[-1]
        return kept


def trajectory(dynamics, t0, t1, n_steps, y0):
    return torch.stack(march(dynamics, equal_steps(t0, t1, n_steps), y0))


def forgetful(dynamics, t0, t1, n_steps):
    return lambda y0: adapt.last(OnlyTheLast.apply(trajectory(dynamics, t0, t1, n_steps, y0)), time_axis=0)


def flow(dynamics, t0, t1, n_steps):
    """Return a flow whose log-determinant has no gradient."""

    def solve(y0):
        y1 = trajectory(dynamics, t0, t1, n_steps, y0)[-1]
        return adapt.part((y1, -y1.detach().sum(-1)), 0)

    return solve


def facts_of(build):
    layer = LayerUnderTest(TorchLayer("mine", build), SMOKE)
    return dict(FORWARD_PASS.measure(layer, *FORWARD_PASS.problems).facts)


@pytest.mark.parametrize(
    ("build", "dropped"),
    [(forgetful, "states at 16 other times"), (flow, "another tensor of shape (4,)")],
)
def test_what_the_adapter_drops_is_a_fact_of_the_forward_pass(build, dropped):
    assert facts_of(build) == {"scope": "final state only (float64, CPU)", "not looked at": dropped}


def test_a_layer_that_returns_a_state_has_the_final_state_for_its_scope():
    assert facts_of(marching(rk4_step)) == {"scope": "final state (float64, CPU)"}


def test_time_that_the_adapter_appended_is_no_output_of_the_layer():
    assert facts_of(without_time) == {"scope": "final state without the appended time (float64, CPU)"}


@pytest.mark.slow
@pytest.mark.parametrize("build", [forgetful, flow])
def test_a_layer_with_wrong_other_outputs_is_not_called_right(build):
    run = nodecheck.run(TorchLayer("mine", build), profile="smoke")
    assert not run.count(Status.FAILED, Status.ERROR)
    found = verdict(run, "mine")
    assert found.word is Word.PARTLY_CHECKED
    assert "final state only (float64, CPU); the layer also returns" in found.text


@pytest.mark.slow
def test_a_log_determinant_is_in_the_scope_once_it_is_judged():
    (layer,) = (one for one in FLOWS if one.name == "flow-one-long-state")
    run = nodecheck.run(layer, profile="smoke")
    assert "verified for the final state with log-determinant (float64, CPU)" in verdict(run, layer.name).text


def no_device(y0):
    message = "Torch not compiled with CUDA enabled"
    raise AssertionError(message)


def own_dtype(y0):
    if y0.dtype != torch.float32:
        message = f"expected float32, got {y0.dtype}"
        raise TypeError(message)
    return y0


def own_shape(y0):
    return y0 @ torch.zeros(64, 64, dtype=y0.dtype)


@pytest.mark.parametrize("demand", [no_device, own_dtype, own_shape])
def test_a_layer_that_cannot_be_run_here_is_an_error_and_not_wrong(demand):
    solve = marching(rk4_step)
    layer = TorchLayer("mine", lambda f, t0, t1, n_steps: lambda y0: solve(f, t0, t1, n_steps)(demand(y0)))
    run = nodecheck.run(layer, profile="smoke")
    assert [r.check for r in run.results if r.outcome is Outcome.ERROR] == ["forward-pass"]
    assert run.count(Status.FAILED) == 0
    assert verdict(run, "mine").text.startswith("could not run: ")
    assert run.exit_code() == 1
