"""Verdicts of the audit: right solves are never accused, wrong ones always are."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from models import Convolution, Flow, Tanh, Timed, batch, by_hand, detached_stage, loss, made, ours

from nodecheck.numerics.audit_constants import EXPLAINED_SHARE
from nodecheck.own_model.audit import Audit
from nodecheck.own_model.conduct import conduct
from nodecheck.results.audit import Outcome

MODELS = {"tanh": Tanh, "timed": Timed, "convolution": Convolution, "flow": Flow}
TIMES = torch.tensor([0.0, 0.4, 1.0])
TIGHT = 1e-3


def torchdiffeq_solve(name, **options):
    def solve(dynamics, y0, t):
        return getattr(pytest.importorskip("torchdiffeq"), name)(dynamics, y0, t, **options)

    return solve


SOLVES = {
    "torchdiffeq-dopri5-adjoint": torchdiffeq_solve("odeint_adjoint", rtol=1e-3, atol=1e-4),
    "torchdiffeq-dopri5-backprop": torchdiffeq_solve("odeint", rtol=1e-3, atol=1e-4),
    "torchdiffeq-rk4": torchdiffeq_solve("odeint", method="rk4"),
    "torchdiffeq-midpoint": torchdiffeq_solve(
        "odeint_adjoint", method="midpoint", options={"step_size": 0.1}
    ),
    "rk4-continuous": ours(n_steps=5, solver="rk4", adjoint="continuous"),
    "heun-checkpointed": ours(n_steps=10, solver="heun", adjoint="checkpointed"),
    "heun-reversible": ours(n_steps=10, solver="heun", adjoint="reversible"),
    "dopri5-continuous": ours(rtol=1e-3, atol=1e-3, adjoint="continuous"),
    "bosh3-discrete": ours(rtol=1e-3, atol=1e-3, solver="bosh3", adjoint="discrete"),
}


def audited(model, solve, dtype=torch.float32, **options):
    dynamics = made(model, dtype)
    chosen = {"t": TIMES.to(dtype), "loss": loss, "target": 0.01} | options
    return conduct(Audit("mine", solve, dynamics, batch(dynamics, dtype), **chosen))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("solve", SOLVES)
@pytest.mark.parametrize("model", MODELS)
def test_a_right_solve_is_not_accused(model, solve, dtype):
    record = audited(MODELS[model], SOLVES[solve], dtype)
    assert record.outcome in (Outcome.WITHIN_TARGET, Outcome.TOLERANCE)
    rest = [row.parts["unexplained"] for row in record.tensors]
    assert max(rest) <= EXPLAINED_SHARE * record.target + 3 * record.uncertainty


BUGS = (
    "two per cent",
    "mirrored time",
    "a step is missing",
    "sign",
    "transposed",
    "state stands still",
    "mean",
    "adjoint decays",
    "half",
    "last tensor",
    "outputs",
)


def refined_by_hand(bug):
    return lambda level: by_hand(16 * 2**level, bug)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_called_a_bug(bug):
    record = audited(Timed, by_hand(16, bug), refine=refined_by_hand(bug))
    converging = bug in ("a step is missing",)  # of order one: finer steps remove it
    assert record.outcome is (Outcome.TOLERANCE if converging else Outcome.BUG)


def test_the_same_adjoint_without_a_bug_is_right():
    record = audited(Timed, by_hand(16), refine=refined_by_hand(""), target=0.2)
    assert record.outcome is Outcome.WITHIN_TARGET


def test_a_detached_stage_is_a_bug():
    record = audited(Timed, detached_stage(8), refine=lambda level: detached_stage(8 * 2**level))
    assert record.outcome is Outcome.BUG


@pytest.mark.parametrize("bug", ["two per cent", "mean"])
def test_without_finer_settings_a_bug_is_not_told_from_coarse_steps(bug):
    record = audited(Timed, by_hand(16, bug))
    assert record.outcome is Outcome.INCONCLUSIVE
    assert "no setting of this solver is known" in record.reason


def test_the_tensor_without_a_gradient_is_named():
    record = audited(Timed, by_hand(16, "last tensor"), refine=refined_by_hand("last tensor"))
    assert "outer.bias" in record.reason
    assert [row.name for row in record.tensors if row.missing] == ["outer.bias"]


def test_times_may_decrease():
    record = audited(Timed, SOLVES["dopri5-continuous"], t=TIMES.flip(0))
    assert record.outcome is Outcome.WITHIN_TARGET


def test_a_solve_may_return_the_last_state_alone():
    def solve(dynamics, y0, t):
        return ours(n_steps=20, solver="rk4")(dynamics, y0, t)[-1]

    assert audited(Timed, solve).outcome is Outcome.WITHIN_TARGET


def test_a_loss_may_go_through_a_decoder_in_float32():
    torch.manual_seed(3)
    decoder = torch.nn.Linear(2, 1)
    record = audited(Timed, SOLVES["rk4-continuous"], loss=lambda ys: decoder(ys).square().mean())
    assert record.outcome is Outcome.WITHIN_TARGET


def test_without_a_loss_a_random_linear_one_is_taken():
    assert audited(Tanh, SOLVES["rk4-continuous"], loss=None).outcome is Outcome.WITHIN_TARGET


def test_the_gradient_of_y0_is_audited_where_it_requires_grad():
    dynamics = made(Tanh)
    y0 = batch(dynamics).requires_grad_()
    record = conduct(Audit("mine", SOLVES["rk4-continuous"], dynamics, y0, TIMES, loss))
    assert "y0" in [row.name for row in record.tensors]
    assert record.outcome is Outcome.WITHIN_TARGET


def test_coarse_settings_are_blamed_where_they_are_the_cause():
    record = audited(Timed, ours(n_steps=2, solver="euler"), target=0.01)
    assert record.outcome is Outcome.TOLERANCE
    assert record.error > record.target


def test_the_causes_add_up_to_the_error():
    record = audited(Timed, SOLVES["torchdiffeq-dopri5-adjoint"])
    assert sum(part.share for part in record.parts) == pytest.approx(1.0)


def test_autocast_is_an_error_of_arithmetic():
    def solve(dynamics, y0, t):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return ours(n_steps=20, solver="rk4", adjoint="discrete")(dynamics, y0, t)

    record = audited(Timed, solve, target=TIGHT)
    largest = max(record.parts, key=lambda part: part.size)
    assert (record.outcome, largest.cause) == (Outcome.TOLERANCE, "arithmetic")


def test_an_audit_changes_nothing_of_the_model():
    dynamics = made(Timed)
    before = {name: tensor.clone() for name, tensor in dynamics.state_dict().items()}
    for p in dynamics.parameters():
        p.grad = torch.ones_like(p)
    y0, state = batch(dynamics), torch.random.get_rng_state()
    conduct(Audit("mine", SOLVES["rk4-continuous"], dynamics, y0, TIMES, loss))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(tensor, before[name]) for name, tensor in dynamics.state_dict().items())
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in dynamics.parameters())
    assert not dynamics._forward_pre_hooks


def test_equal_audits_give_equal_numbers():
    first, second = (audited(Timed, SOLVES["torchdiffeq-dopri5-adjoint"]) for _ in range(2))

    def numbers(record):
        settings = tuple(dataclasses.replace(s, seconds=0.0) for s in record.settings)
        return dataclasses.replace(record, seconds=0.0, settings=settings)

    assert numbers(first) == numbers(second)
