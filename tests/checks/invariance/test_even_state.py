"""A layer that needs an even number of components says so, and is judged on even ones; else it may refuse."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from wrong_layers import layer, marching, rk4_step

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.results import Inconclusive, Outcome, Status, Unsupported

BY_ID = {check.id: check for check in CHECKS}


def insisting(dynamics, t0, t1, n_steps):
    """RK4 that refuses an odd number of components."""

    def solve(y):
        if y.shape[-1] % 2:
            message = "expected pairs (q, p)"
            raise ValueError(message)
        return marching(rk4_step)(dynamics, t0, t1, n_steps)(y)

    return solve


def halving(dynamics, t0, t1, n_steps):
    """Euler for positions, then for momenta at the new positions: no error where a half is smaller."""

    def step(f, t, h, y):
        half = y.shape[-1] // 2
        q, p = y[..., :half], y[..., half:]
        q = q + h * f(t, y)[..., :half]
        return torch.cat([q, p + h * f(t + h, torch.cat([q, p], -1))[..., half:]], -1)

    return marching(step)(dynamics, t0, t1, n_steps)


EVEN = [
    dataclasses.replace(layer(build, order=order), name=build.__name__, supports={"even"})
    for build, order in ((insisting, 4), (halving, 1))
]
SMOKE_CHECKS = ["adapter", "forward-pass", "backward-pass", "other-sizes", "other-modules", "constant-field"]


def measure(name, under_test):
    check = BY_ID[name]
    return check.measure(LayerUnderTest(under_test, CI), *(check.problems[:1] or (None,)))


@pytest.mark.parametrize("under_test", EVEN, ids=lambda one: one.name)
@pytest.mark.parametrize("check", [*SMOKE_CHECKS, "repeated-use", "interleaved-calls"])
def test_a_layer_that_needs_an_even_state_is_judged_on_even_ones(check, under_test):
    evidence = measure(check, under_test)
    assert evidence.measurements
    assert all(m.holds for m in evidence.measurements), evidence.diagnosis


def test_a_wrong_layer_that_needs_an_even_state_is_still_wrong():
    def build(dynamics, t0, t1, n_steps):
        return lambda y: insisting(dynamics, t0, t1, n_steps)(y) * (1 + 1e-3 * (y.shape[-1] > 6))

    wrong = dataclasses.replace(layer(build), supports={"even"})
    diagnosis = measure("other-sizes", wrong).diagnosis
    assert diagnosis.endswith("for y0 of shape (4, 36). Compared with y0 of shape (6, 2).")


def test_a_refusal_of_odd_sizes_is_unsupported_where_no_need_is_told():
    with pytest.raises(Unsupported, match=r"refuses an odd .* write `supports=\{'even'\}`") as error:
        measure("forward-pass", layer(insisting))
    assert error.value.facts == {"cannot be used": "with an odd number of components"}


def test_a_refusal_of_odd_sizes_is_no_mistake_of_the_adapter():
    with pytest.raises(Inconclusive, match=r"takes an even one \(ValueError: expected pairs"):
        measure("adapter", layer(insisting))


def test_a_layer_that_raises_for_every_size_is_an_error_as_before():
    def build(dynamics, t0, t1, n_steps):
        return lambda y: torch.linalg.cholesky(y[:, :1] * 0 - 1)

    with pytest.raises(RuntimeError):
        measure("forward-pass", layer(build))


def test_odd_sizes_that_are_silently_wrong_are_a_failure():
    evidence = measure("other-sizes", layer(halving, order=1))
    assert any(not m.holds for m in evidence.measurements)


def test_nothing_else_is_asked_of_a_layer_that_refuses_the_ordinary_size():
    run = nodecheck.run(layer(insisting), profile="smoke", select="constant-field")
    assert [(r.check, r.outcome) for r in run.results] == [
        ("adapter", Outcome.INCONCLUSIVE),
        ("forward-pass", Outcome.UNSUPPORTED),
        ("constant-field", Outcome.SKIPPED),
    ]
    assert run.results[-1].reason == "means nothing while forward-pass is unsupported"
    assert run.count(Status.FAILED, Status.ERROR) == 0


def test_the_ordinary_problem_has_an_odd_number_of_components():
    assert neural.y0.shape[-1] % 2 == 1
