"""Finer settings of libraries are found out from the solve: right ones are explained, and bugs are not."""

from __future__ import annotations

import pytest
import torch
from models import Tanh, batch, loss, made
from torch import nn

from nodecheck.own_model.audit import Audit
from nodecheck.own_model.conduct import conduct
from nodecheck.results.audit import Outcome

TIMES = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])


class TimeOfMembers(nn.Module):
    """A field that depends on time, which it takes without axes, or one for each member; more is ignored."""

    def __init__(self):
        super().__init__()
        self.net, self.push = Tanh(), nn.Parameter(torch.tensor([0.5, -0.2]))

    def forward(self, t, y, args=None):
        return self.net(t, y) + self.push * torch.as_tensor(t)[..., None].cos()


def of_torchode(adjoint, controller, **options):
    """Return a solve by torchode, which is made anew for the dynamics that it is given."""

    def solve(dynamics, y0, t):
        torchode = pytest.importorskip("torchode", reason="needs torchode")
        term = torchode.ODETerm(dynamics)
        step = torchode.Dopri5(term=term)
        if controller == "fixed":
            chosen = torchode.FixedStepController()
        else:
            chosen = torchode.IntegralController(atol=1e-4, rtol=1e-3, term=term)
        make = getattr(torchode, adjoint)
        solver = make(step, chosen) if adjoint == "AutoDiffAdjoint" else make(term, step, chosen)
        times = t.to(y0).expand(len(y0), -1)
        problem = torchode.InitialValueProblem(y0, times[:, 0], times[:, -1], times)
        count = 1 if adjoint.startswith("Joint") else len(y0)
        dt0 = torch.full((count,), 0.125, dtype=y0.dtype) if controller == "fixed" else None
        return solver.solve(problem, dt0=dt0, **options).ys.transpose(0, 1)

    return solve


def of_torchdyn(sensitivity, solver):
    """Return a solve by torchdyn: by its NeuralODE, or by its function."""

    def solve(dynamics, y0, t):
        pytest.importorskip("torchdyn", reason="needs torchdyn")
        if sensitivity is None:
            from torchdyn.numerics import odeint

            return odeint(dynamics, y0, t.to(y0), solver, atol=1e-4, rtol=1e-3)[1]
        from torchdyn.core import NeuralODE

        options = {"atol": 1e-4, "rtol": 1e-3, "atol_adjoint": 1e-4, "rtol_adjoint": 1e-3}
        model = NeuralODE(dynamics, solver=solver, sensitivity=sensitivity, **options)
        states = model(y0, t.to(y0))[1]
        return states if len(states) == len(t) else states[-1]  # at all steps

    return solve


SOLVES = {
    **{
        f"torchode-{adjoint}-{controller}": of_torchode(adjoint, controller)
        for adjoint in ("AutoDiffAdjoint", "BacksolveAdjoint", "JointBacksolveAdjoint")
        for controller in ("fixed", "adaptive")
    },
    **{
        f"torchdyn-{sensitivity or 'odeint'}-{solver}": of_torchdyn(sensitivity, solver)
        for sensitivity in ("autograd", "adjoint", None)
        for solver in ("dopri5", "tsit5", "rk4", "euler")
    },
}


def audited(solve, target=0.01):
    dynamics = made(TimeOfMembers)
    return conduct(Audit("mine", solve, dynamics, batch(made(Tanh)), TIMES, loss, target))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SOLVES)
def test_a_right_solve_of_a_library_is_explained(name):
    record = audited(SOLVES[name])
    assert record.outcome in (Outcome.WITHIN_TARGET, Outcome.TOLERANCE), record.reason
    assert name.split("-")[0] in record.facts["solver"]
    assert record.refinement[-1][1] < 1e-3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        "torchode-AutoDiffAdjoint-adaptive",
        "torchode-BacksolveAdjoint-fixed",
        "torchdyn-adjoint-dopri5",
        "torchdyn-autograd-rk4",
    ],
)
def test_a_bug_beside_a_library_is_not_explained(name):
    def solve(dynamics, y0, t):
        states = SOLVES[name](dynamics, y0, t)
        states.register_hook(lambda g: 1.05 * g)
        return states

    assert audited(solve).outcome is Outcome.BUG


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("solver", ["dopri5", "rk4"])
def test_what_interpolates_between_steps_has_no_finer_setting(solver):
    record = audited(of_torchdyn("interpolated_adjoint", solver), target=1e-5)
    assert record.outcome is Outcome.INCONCLUSIVE
    assert "errs between its steps" in record.reason


def test_multiple_shooting_has_no_finer_setting():
    def solve(dynamics, y0, t):
        numerics = pytest.importorskip("torchdyn.numerics", reason="needs torchdyn")
        return numerics.odeint_mshooting(dynamics, y0, t.to(y0), "mszero", fine_steps=2, maxiter=2)[1]

    record = audited(solve, target=1e-5)
    assert record.outcome is not Outcome.BUG
    assert "multiple shooting" in record.facts.get("finer settings ended", record.reason)
