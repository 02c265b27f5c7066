"""An audit leaves the user's world as it was: modules, gradients, random numbers."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from models import Tanh, batch, made, ours
from torch import nn

from nodecheck.own_model.audit import Audit
from nodecheck.own_model.conduct import conduct
from nodecheck.own_model.unchanged import unchanged

TIMES = torch.tensor([0.0, 0.5, 1.0])
BACKPROP = ours(n_steps=20, solver="rk4", adjoint="discrete")


class Head(nn.Module):
    """A decoder that changes, in each call, everything that a module can change of itself."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.last = nn.BatchNorm1d(2), nn.Linear(2, 1)
        self.losses, self.calls, self.known, self.total = [], 0, {"calls"}, torch.zeros(1)
        self.register_buffer("mean", torch.zeros(2))
        for p in self.parameters():
            p.grad = torch.ones_like(p)

    def forward(self, states):
        self.calls += 1
        self.total += 1.0
        self.mean = 0.9 * self.mean + 0.1 * states[-1].mean(0).detach().to(self.mean)
        self.last.bias.requires_grad_(False)
        self.register_forward_hook(lambda *_: None)
        self.norm.train(not self.norm.training)
        self.extra = states.detach()
        self.known.add(self.calls)
        loss = self.last(torch.tanh(self.norm.train()(states[-1].float()))).square().mean()
        self.losses.append(loss.item())
        return loss


def state_of(module):
    """Return all that is to stay: copies of tensors, their gradients, flags, attributes and hooks."""
    tensors = dict(module.state_dict())
    flags = {name: p.requires_grad for name, p in module.named_parameters()}
    grads = {name: p.grad for name, p in module.named_parameters()}
    modes = [one.training for one in module.modules()]
    hooks = [len(one._forward_hooks) for one in module.modules()]
    plain = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return copy.deepcopy((tensors, flags, grads, modes, hooks, plain))


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def audited(loss, dynamics=None, solve=BACKPROP, **options):
    dynamics = made(Tanh) if dynamics is None else dynamics
    return conduct(Audit("mine", solve, dynamics, batch(made(Tanh)), TIMES, loss), **options)


def test_a_decoder_that_changes_itself_is_put_back():
    head = Head()
    before = state_of(head)
    record = audited(head)
    assert record.error > 0.0
    assert same(state_of(head), before)


def test_the_comparison_of_states_sees_each_change():
    """What the test above compares does differ after one call."""
    head = Head()
    before = state_of(head)
    head(torch.randn(3, 5, 2))
    differs = [not same(a, b) for a, b in zip(state_of(head), before, strict=True)]
    assert differs == [True, True, False, False, True, True]


def test_modules_that_a_solve_reaches_from_outside_get_no_gradient():
    torch.manual_seed(0)
    encoder = nn.Linear(2, 2)
    encoder.weight.grad = torch.ones(2, 2)

    def solve(dynamics, y0, t):
        return BACKPROP(dynamics, encoder(y0.float()).to(y0), t)

    audited(None, solve=solve)
    assert torch.equal(encoder.weight.grad, torch.ones(2, 2))
    assert encoder.bias.grad is None


ENCODER = nn.Linear(2, 2)


class Conditioned(nn.Module):
    """A field that calls a module which is not a part of it."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        return self.net(t, y) + nn.functional.linear(y, ENCODER.weight.to(y), ENCODER.bias.to(y))


def test_an_encoder_that_the_field_calls_gets_no_gradient():
    record = audited(None, made(Conditioned))
    assert record.error > 0.0
    assert [p.grad for p in ENCODER.parameters()] == [None, None]


def test_random_states_are_put_back():
    def loss(states):
        return states.square().mean() * (1.0 + 1e-9 * (torch.rand(()) + random.random() + np.random.rand()))  # noqa: NPY002

    def drawn():
        return torch.rand(()).item(), random.random(), np.random.rand()  # noqa: NPY002

    def seeded():
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002

    audit = Audit("mine", BACKPROP, made(Tanh), batch(made(Tanh)), TIMES, loss)
    seeded()
    expected = drawn()
    seeded()
    conduct(audit)
    assert drawn() == expected


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyError])
def test_an_audit_that_ends_early_puts_back_too(error):
    head = Head()
    before = state_of(head)

    def end(what):
        if what == "the causes of its error":
            raise error

    if error is KeyboardInterrupt:
        audited(head, progress=end)
    else:
        with pytest.raises(error):
            audited(head, progress=end)
    assert same(state_of(head), before)


def test_parameters_that_stand_in_for_others_are_not_kept():
    """Inside functional_call a module has other parameters, which are no state of it."""
    module = nn.Linear(2, 2)
    own = module.weight
    with unchanged(called=True):
        other = {"weight": (2.0 * own).detach(), "bias": module.bias}
        torch.func.functional_call(module, other, torch.ones(1, 2))
    assert module.weight is own


def test_modules_that_have_no_shapes_yet_are_left_alone():
    module = nn.LazyLinear(2)
    with unchanged([module]):
        module(torch.ones(1, 3))
    assert module.weight.shape == (2, 3)


def test_a_solve_may_use_checkpoints_of_the_old_kind():
    """Their backward pass is one inside the other, in which parameters get gradients on the way."""

    def solve(dynamics, y0, t):
        from torch.utils.checkpoint import checkpoint

        start = y0.clone().requires_grad_()
        return checkpoint(lambda y: BACKPROP(dynamics, y, t), start, use_reentrant=True)

    assert audited(None, solve=solve).error < 1e-3


def test_a_solve_with_very_many_steps_can_be_audited():
    """Torch frees a graph recursively, and overflows its stack, if Python has looked at all of its nodes."""

    def solve(dynamics, y0, t):
        states = BACKPROP(dynamics, y0, t)
        for _ in range(100_000):
            states = -states
        return states

    assert audited(None, solve=solve).error < 1e-3
