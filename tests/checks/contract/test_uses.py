"""A layer may refuse some uses with an error, and must stand the others."""

# ruff: noqa: ARG005

from __future__ import annotations

import io
import warnings

import pytest
import torch
from rich.console import Console
from torch.utils.checkpoint import checkpoint
from wrong_layers import after, marching, rk4_step

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI
from nodecheck.report import terminal

(OTHER_USES,) = (check for check in CHECKS if check.id == "other-uses")


def measure(layer):
    return OTHER_USES.measure(LayerUnderTest(layer, CI), *OTHER_USES.problems)


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


def refusing(unwanted):
    """Return RK4 that raises where `unwanted(y0)`."""

    def change(y0, y1):
        if unwanted(y0):
            message = "cannot do this"
            raise NotImplementedError(message)
        return y1

    return after(change)


class Once(torch.autograd.Function):
    """The identity, with one backward pass."""

    @staticmethod
    def forward(ctx, y):
        ctx.used = False
        return y.clone()

    @staticmethod
    def backward(ctx, cotangent):
        if ctx.used:
            message = "this graph is gone"
            raise RuntimeError(message)
        ctx.used = True
        return cotangent


TWO_PASSES = "in a second backward pass, when gradients are kept over another pass"
REFUSABLE = {
    "when y0 is not contiguous": refusing(lambda y0: not y0.is_contiguous()),
    TWO_PASSES: after(lambda y0, y1: Once.apply(y1)),
    "under torch.inference_mode": refusing(lambda y0: torch.is_inference_mode_enabled()),
}


@pytest.mark.parametrize("words", REFUSABLE)
def test_what_can_be_written_otherwise_may_be_refused(words):
    evidence = measure(REFUSABLE[words])
    assert violated(evidence) == []
    assert evidence.facts == {"cannot be used": words}


@pytest.mark.parametrize(
    ("words", "layer"),
    [
        ("when y0 needs no gradient", refusing(lambda y0: torch.is_grad_enabled() and not y0.requires_grad)),
        ("when y0 is computed", refusing(lambda y0: not y0.is_leaf)),
    ],
)
def test_what_every_model_needs_may_not(words, layer):
    evidence = measure(layer)
    assert violated(evidence) == [f"passes that raise {words}"]
    assert evidence.diagnosis == f"The layer raises {words}: NotImplementedError: cannot do this."
    assert evidence.facts == {}


def unrecorded(speak):
    """Return a layer that loses the gradients of parameters if y0 needs none, and speaks about it."""

    def build(dynamics, t0, t1, n_steps):
        solve = marching(rk4_step)(dynamics, t0, t1, n_steps)

        def run(y0):
            if y0.requires_grad or not torch.is_grad_enabled():
                return solve(y0)
            speak()
            return solve(y0).detach()

        return run

    return TorchLayer("unrecorded", build)


def test_a_gradient_that_is_lost_in_silence_fails():
    assert violated(measure(unrecorded(lambda: None))) == ["change when y0 needs no gradient"]


def test_a_warning_does_not_excuse_a_gradient_that_is_lost():
    evidence = measure(unrecorded(lambda: warnings.warn("no gradient", stacklevel=1)))
    assert violated(evidence) == ["change when y0 needs no gradient"]
    assert evidence.facts == {}


def reentrant(dynamics, t0, t1, n_steps):
    """Return RK4 with checkpoints of the kind that needs a y0 with a gradient."""
    h = (t1 - t0) / n_steps

    def solve(y):
        for i in range(n_steps):
            y = checkpoint(rk4_step, dynamics, t0 + i * h, h, y, use_reentrant=True)
        return y

    return solve


LOST = "All parameter gradients are missing when y0 needs no gradient."


def test_reentrant_checkpoints_lose_gradients_although_torch_warns():
    evidence = measure(TorchLayer("reentrant", reentrant))
    assert violated(evidence) == ["change when y0 needs no gradient"]
    assert evidence.diagnosis == LOST


def test_gradients_that_reentrant_checkpoints_lose_are_told_in_the_terminal():
    run = nodecheck.run(TorchLayer("reentrant", reentrant), select="other-uses")
    console = Console(width=200, record=True, file=io.StringIO())
    terminal.render(run, console)
    text = console.export_text()
    assert LOST in text
    assert "✗ reentrant is wrong: 1 fault; 1 check failed" in text


def test_a_warning_excuses_no_other_answer():
    def change(y0, y1):
        if y0.requires_grad or not torch.is_grad_enabled():
            return y1
        warnings.warn("another answer", stacklevel=1)
        return 2 * y1

    assert violated(measure(after(change))) == ["change when y0 needs no gradient"]


def test_what_is_always_missing_is_not_missed_here():
    assert violated(measure(after(lambda y0, y1: y1.detach()))) == []


def test_every_use_that_is_wrong_is_told():
    wrong = after(lambda y0, y1: y1 if torch.is_grad_enabled() and y0.requires_grad else 2 * y1)
    first, second = measure(wrong).diagnosis.removesuffix(".").split(". ")
    assert first.startswith("y1 and all parameter gradients are off by 1")
    assert first.endswith("when y0 needs no gradient")
    assert second == "y1 is off by 100 % under torch.no_grad"


def test_another_answer_in_inference_mode_is_information():
    wrong = after(lambda y0, y1: 2 * y1 if torch.is_inference_mode_enabled() else y1)
    evidence = measure(wrong)
    assert violated(evidence) == []
    assert evidence.facts == {"cannot be used": "under torch.inference_mode"}


@pytest.mark.parametrize("name", ["grad-returned-again", "gradients-not-added"])
def test_a_gradient_that_depends_on_what_was_in_grad_is_told_so(name):
    (wrong,) = (mutant.layer for mutant in MUTANTS if mutant.name == name)
    evidence = measure(wrong)
    assert violated(evidence) == ["change when gradients accumulate"]
    assert "depends on the .grad that was there before, or replaces it" in evidence.diagnosis


def test_a_backward_pass_that_writes_grad_is_told_so():
    (wrong,) = (mutant.layer for mutant in MUTANTS if mutant.name == "grad-written")
    evidence = measure(wrong)
    when = "with torch.autograd.grad for y0 alone"
    assert violated(evidence) == [f"inputs or settings changed {when}"]
    assert f"Changed by the layer {when}: W1.grad, W2.grad" in evidence.diagnosis
    assert "The backward pass writes .grad by itself" in evidence.diagnosis
