"""Audits of unusual training steps: right ones are not accused, and what cannot be audited is told why."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner
from models import Tanh, batch, loss, made, ours
from torch import nn

from nodecheck.frontends.cli.main import main
from nodecheck.own_model.audit import Audit
from nodecheck.own_model.conduct import conduct
from nodecheck.results.audit import Outcome

TIMES = torch.tensor([0.0, 0.5, 1.0])
EXACT = ours(n_steps=20, solver="rk4", adjoint="discrete")
ADJOINT = ours(n_steps=20, solver="rk4", adjoint="continuous")


def audited(dynamics, *, solve=EXACT, y0=None, chosen=loss):
    return conduct(Audit("mine", solve, dynamics, batch(made(Tanh)) if y0 is None else y0, TIMES, chosen))


class Kinked(nn.Module):
    """A field with kinks at zeros of the state."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        return self.net(t, y.abs()) + torch.relu(y)


class Given(nn.Module):
    """A field with a tensor for each member of the batch, which an encoder computes."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()
        self.context = nn.Linear(3, 2)(torch.ones(5, 3))

    def forward(self, t, y):
        return self.net(t, y + self.context)


class Kept(nn.Module):
    """A field that keeps its last slope."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        self.last = self.net(t, y)
        return self.last


class Total(nn.Module):
    """A field with one number beside the batch."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, state):
        slope = self.net(t, state[0])
        return slope, slope.square().mean()


class OfMembers(nn.Module):
    """A field that needs a time for each member."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        return self.net(t, y) * t[:, None]


def test_a_kink_at_the_initial_state_is_no_wrong_gradient():
    y0 = batch(made(Tanh))
    y0[:, 1] = 0.0
    record = audited(made(Kinked), y0=y0)
    assert not record.findings
    assert record.outcome is not Outcome.BUG


def test_a_solve_to_another_time_is_a_bug():
    def solve(dynamics, y0, t):
        return EXACT(dynamics, y0, t * 1.05)

    assert audited(made(Tanh), solve=solve).outcome is Outcome.BUG


def test_a_captured_tensor_is_right_by_backprop_and_wrong_by_an_adjoint():
    dynamics = made(Given)
    by_backprop, by_adjoint = audited(dynamics), audited(dynamics, solve=ADJOINT)
    assert by_backprop.outcome is Outcome.WITHIN_TARGET
    assert [finding.kind for finding in by_backprop.findings] == ["captured tensor"]
    assert by_adjoint.outcome is Outcome.BUG


def test_a_field_may_keep_the_tensors_of_its_last_call():
    dynamics = made(Kept)
    dynamics(torch.tensor(0.0), batch(made(Tanh)))
    assert audited(dynamics).outcome is Outcome.WITHIN_TARGET


def test_a_vector_may_be_the_state():
    assert audited(made(Tanh), y0=torch.tensor([0.3, -0.4])).outcome is Outcome.WITHIN_TARGET


def test_a_number_may_be_a_part_of_the_state():
    def chosen(states):
        return states[0].square().mean() + states[1][-1]

    def solve(dynamics, y0, t):
        odeint = pytest.importorskip("torchdiffeq").odeint
        return odeint(dynamics, y0, t, method="rk4", options={"step_size": 0.05})

    record = audited(made(Total), solve=solve, y0=(batch(made(Tanh)), torch.zeros(())), chosen=chosen)
    assert record.outcome is Outcome.WITHIN_TARGET


def test_a_loss_may_share_the_graph_of_an_encoder_and_leaves_its_gradient_alone():
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 1)
    y0 = encoder(torch.ones(5, 3))
    record = audited(made(Tanh), y0=y0, chosen=lambda ys: decoder(ys).square().mean() + y0.square().mean())
    assert record.outcome is Outcome.WITHIN_TARGET
    assert all(p.grad is None for module in (encoder, decoder) for p in module.parameters())


def test_a_loss_may_go_through_an_lstm_in_float32():
    torch.manual_seed(0)
    decoder = nn.LSTM(2, 3)
    assert (
        audited(made(Tanh), chosen=lambda ys: decoder(ys)[0].square().mean()).outcome is Outcome.WITHIN_TARGET
    )


@pytest.mark.parametrize("solve", [EXACT, ADJOINT])
def test_detached_states_are_a_bug(solve):
    record = audited(made(Tanh), solve=lambda *arguments: solve(*arguments).detach())
    assert record.outcome is Outcome.BUG
    assert "got no gradient" in record.reason


def test_a_gradient_of_nan_is_a_bug():
    def solve(dynamics, y0, t):
        states = EXACT(dynamics, y0, t)
        states.register_hook(lambda g: g * float("nan"))
        return states

    record = audited(made(Tanh), solve=solve)
    assert record.outcome is Outcome.BUG
    assert "NaN" in record.reason


class Oscillator(nn.Module):
    """Van der Pol's: backwards its states leave the limit cycle."""

    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.tensor(2.0))

    def forward(self, t, y):
        x, v = y[..., :1], y[..., 1:]
        return torch.cat([v, self.mu * (1 - x * x) * v - x], -1)


@pytest.mark.parametrize("final", [False, True], ids=["all states", "last state"])
def test_a_state_that_cannot_be_reconstructed_is_told_for_each_form_of_output(final):
    def solve(dynamics, y0, t):
        odeint = pytest.importorskip("torchdiffeq").odeint_adjoint
        options = {"rtol": 1e-3, "atol": 1e-3, "adjoint_options": {"norm": "seminorm"}}
        states = odeint(dynamics, y0, t, **options)
        return states[-1] if final else states

    y0, times = torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([0.0, 10.0])
    record = conduct(Audit("mine", solve, Oscillator(), y0, times, lambda ys: ys.square().mean()))
    assert record.outcome is Outcome.TOLERANCE
    assert "the state cannot be reconstructed backwards" in record.reason


def test_an_error_in_the_forward_pass_is_not_blamed_on_the_adjoint():
    def solve(dynamics, y0, t):
        message = "no steps"
        raise RuntimeError(message)

    record = audited(made(Tanh), solve=solve)
    assert record.outcome is Outcome.INCONCLUSIVE
    assert record.reason == "the training step raises RuntimeError: no steps"


def test_an_error_that_comes_from_the_dtype_is_not_blamed_on_the_adjoint():
    def solve(dynamics, y0, t):
        if y0.dtype == torch.float32:
            message = "no kernel"
            raise RuntimeError(message)
        return EXACT(dynamics, y0, t)

    record = audited(made(Tanh), solve=solve)
    assert record.outcome is Outcome.INCONCLUSIVE
    assert "no kernel" in record.reason


def test_dropout_in_the_loss_is_named():
    torch.manual_seed(0)
    head = nn.Dropout(0.5)
    record = audited(made(Tanh), chosen=lambda ys: head(ys).square().mean())
    assert record.outcome is Outcome.INCONCLUSIVE
    assert "draws random numbers" in record.reason


def test_a_field_that_needs_times_of_members_is_told_what_it_is_called_with():
    record = audited(made(OfMembers))
    assert record.outcome is Outcome.NOT_AUDITED
    assert "IndexError" in record.reason
    assert "a time without axes" in record.findings[0].advice


class Repeated(nn.Module):
    """A network of the state and the time in one tensor, as torchcfm wraps it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.SELU(), nn.Linear(8, 2))

    def forward(self, t, x, *args, **kwargs):
        return self.net(torch.cat([x, t.repeat(x.shape[0])[:, None]], 1))


class Controlled(nn.Module):
    """The field of a controlled equation: a matrix times the slope of a path, which is a buffer."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 6), nn.Tanh())
        self.register_buffer("slope", torch.randn(5, 3))

    def forward(self, t, z):
        return (self.net(z).view(-1, 2, 3) @ (self.slope * torch.cos(t))[..., None])[..., 0]


@pytest.mark.parametrize("model", [Repeated, Controlled])
def test_models_as_other_libraries_write_them_are_audited(model):
    assert audited(made(model), solve=ADJOINT).outcome is Outcome.WITHIN_TARGET


@pytest.mark.parametrize("members", [5, 3])
def test_the_axis_of_times_behind_that_of_members_is_refused(members):
    y0 = torch.randn(members, 2, generator=torch.Generator().manual_seed(1))
    with pytest.raises(ValueError, match=r"axis second; return states.transpose\(0, 1\)"):
        audited(made(Tanh), solve=lambda *given: EXACT(*given).transpose(0, 1), y0=y0)


def test_as_many_members_as_times_are_no_reason_to_refuse():
    y0 = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
    assert audited(made(Tanh), y0=y0).outcome is Outcome.WITHIN_TARGET


@pytest.mark.parametrize("change", [list, lambda ys: (TIMES, ys)], ids=["list", "times and states"])
def test_outputs_in_another_form_are_refused(change):
    with pytest.raises(ValueError, match=r"solve must return the states at the 3 times, \(3, 5, 2\)"):
        audited(made(Tanh), solve=lambda *arguments: change(EXACT(*arguments)))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [(torch.square, r"a tensor of shape \(3, 5, 2\)"), (lambda ys: ys.sum().item(), "float")],
    ids=["states", "float"],
)
def test_a_loss_that_is_no_scalar_is_refused(chosen, words):
    with pytest.raises(ValueError, match=f"loss must return a tensor with one number, got {words}"):
        audited(made(Tanh), chosen=chosen)


@pytest.mark.parametrize(
    ("dynamics", "y0", "t", "words"),
    [
        (Tanh(), torch.ones(2, 2, dtype=torch.complex64), TIMES, "y0 must be real"),
        (Tanh(), torch.ones(2, 2), torch.tensor([0, 1]), "t must be real and of floating point"),
        (nn.Linear(2, 2, dtype=torch.complex64), torch.ones(2, 2), TIMES, "weight must be real"),
    ],
    ids=["complex", "integers", "complex-parameters"],
)
def test_what_has_no_exact_gradient_in_float64_is_refused(dynamics, y0, t, words):
    with pytest.raises(TypeError, match=words):
        Audit("mine", EXACT, dynamics, y0, t, loss)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_script_is_refused():
    with pytest.raises(TypeError, match=r"the module before torch.jit.script, got RecursiveScriptModule"):
        Audit("mine", EXACT, torch.jit.script(nn.Linear(2, 2)), torch.ones(2, 2), TIMES, loss)


def test_an_error_of_the_users_code_is_no_verdict(tmp_path):
    text = """import nodecheck, torch
def solve(dynamics, y0, t):
    raise KeyError("batch")
class Field(torch.nn.Linear):
    def forward(self, t, y):
        return super().forward(y)
AUDIT = nodecheck.Audit("mine", solve, Field(2, 2), torch.ones(2, 2), torch.tensor([0.0, 1.0]))
"""
    (tmp_path / "raises.py").write_text(text)
    done = CliRunner().invoke(main, ["audit", f"{tmp_path / 'raises.py'}:AUDIT"])
    assert done.exit_code == 3
    assert "the code of mine raises the error above" in done.stderr


class Jumping(nn.Module):
    """A field that jumps at a time."""

    def __init__(self, at):
        super().__init__()
        self.net, self.at = Tanh(), at
        self.push = nn.Parameter(torch.tensor([1.0, -0.5]))

    def forward(self, t, y):
        return self.net(t, y) + 2.0 * self.push * float(t > self.at)


@pytest.mark.parametrize("solver", ["rk4", "heun", "euler"])
@pytest.mark.parametrize("at", [0.503, 0.51, 0.5137])
def test_a_jump_between_the_steps_of_a_grid_is_no_bug(at, solver):
    torch.manual_seed(0)
    solve = ours(n_steps=8, solver=solver, adjoint="discrete")
    assert audited(Jumping(at), solve=solve).outcome is not Outcome.BUG
