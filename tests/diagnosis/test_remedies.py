"""What to do about a fault."""

from __future__ import annotations

import pytest

from nodecheck.checks import CHECKS
from nodecheck.diagnosis.remedies import remedy_of


@pytest.mark.parametrize("check", [c.id for c in CHECKS])
def test_every_check_has_a_remedy(check):
    assert remedy_of(check)


def test_a_named_cause_has_its_own_remedy():
    text = remedy_of("gradient-order", "They match an adjoint driven by J instead of Jᵀ.")
    assert "vector-Jacobian product" in text


def test_a_runner_up_has_no_part_in_the_remedy():
    runner_up = "(residual 1e-8 against 1 unexplained; runner-up: an adjoint driven by J instead of Jᵀ, 0.5)"
    text = remedy_of("gradient-order", f"They are -1 times the exact gradient (sign flipped) {runner_up}.")
    assert text.startswith("Flip the sign")


def test_the_remedy_of_a_dropped_penalty_is_not_that_of_a_detached_stage():
    text = remedy_of("second-derivatives", "The backward pass differentiates detached copies.")
    assert "is_grad_enabled" in text


@pytest.mark.parametrize(
    ("check", "diagnosis", "words"),
    [
        (
            "determinism",
            "Other numbers the second time: hidden state or random numbers.",
            "Remove random numbers",
        ),
        ("nothing-mutated", "Changed by the layer: random state of torch (reseeded).", "random generators"),
        ("nothing-mutated", "Changed by the layer: y0.", "Work on copies"),
        (
            "forward-tolerance",
            "The tolerance has no effect: the error stays at 0.1.",
            "Pass rtol and atol on",
        ),
    ],
)
def test_a_remedy_is_that_of_its_cause_and_check(check, diagnosis, words):
    assert words in remedy_of(check, diagnosis)
