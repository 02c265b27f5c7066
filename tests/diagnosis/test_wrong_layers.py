"""The diagnosis of layers as the gradient checks print it: the cause by name, and no other cause."""

from __future__ import annotations

import functools
import itertools

import pytest
import torch

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import AdaptiveBackprop, AdjointEuler, AdjointRK4, BackpropRK4, as_layer
from nodecheck.options.profile import CI, SMOKE
from nodecheck.problems import constant, linear, lotka_volterra, neural, spiral

MISLEADING = ("float32", "mixed up", "mixes", "weights")


def named(cls):
    return as_layer(cls, claims=cls.__bases__[0])


class TimeFromStart(AdjointRK4):
    """The backward pass hands t - t0 to the field."""

    def adjoint_time(self, t):
        return t - self.t0


class TimeNegated(AdjointRK4):
    """The backward pass hands -t to the field."""

    def adjoint_time(self, t):
        return -t


class MixedMembers(AdjointRK4):
    """The parameter integral takes the adjoint of the batch member before."""

    def vjp(self, t, y, a):
        return (*super().vjp(t, y, a)[:2], *super().vjp(t, y, a.roll(1, 0))[2:])


class SummedMembers(AdjointRK4):
    """The gradient of y0 is summed over the batch."""

    def pullback(self, y1, cotangent):
        a, *pulled = super().pullback(y1, cotangent)
        return (a.sum(0).expand_as(a).clone(), *pulled)


class Float32Times(AdjointRK4):
    """The times of the backward pass are rounded to float32."""

    def backward(self, state):
        times = torch.linspace(self.t1, self.t0, self.n_steps + 1, dtype=torch.float32).tolist()
        for t, following in itertools.pairwise(times):
            state = self.step(self.augmented, t, following - t, state)
        return state


class ShiftedMembers(AdjointRK4):
    """The gradient of y0 is that of the batch member before."""

    def pullback(self, y1, cotangent):
        a, *pulled = super().pullback(y1, cotangent)
        return (a.roll(1, 0), *pulled)


class Rounded(AdjointRK4):
    """The adjoint is rounded in every step."""

    precision = torch.bfloat16

    def step(self, field, t, h, state):
        y, *others = super().step(field, t, h, state)
        return (y, others[0].to(self.precision).double(), *others[1:]) if others else (y,)


class StepLeftOut(AdjointRK4):
    """The parameter integral leaves out its last step backward."""

    def backward(self, state):
        h = (self.t0 - self.t1) / self.n_steps
        for i in range(self.n_steps):
            new = self.step(self.augmented, self.t1 + i * h, h, state)
            state = new if i < self.n_steps - 1 else (*new[:2], *state[2:])
        return state


class StopsAtFifty(AdjointRK4):
    """The adjoint is not propagated beyond fifty steps."""

    def backward(self, state):
        h = (self.t0 - self.t1) / self.n_steps
        for i in range(min(50, self.n_steps)):
            state = self.step(self.augmented, self.t1 + i * h, h, state)
        return state


class WrongForPrimes(AdjointRK4):
    """For a prime number of steps the gradients of the parameters are halved."""

    def backward(self, state):
        y, a, *pulled = super().backward(state)
        prime = self.n_steps > 1 and all(self.n_steps % k for k in range(2, self.n_steps))
        return (y, a, *(g / 2 for g in pulled)) if prime else (y, a, *pulled)


class ClampedAdjoint(AdjointRK4):
    """The adjoint is clamped in every step."""

    def step(self, field, t, h, state):
        y, *others = super().step(field, t, h, state)
        return (y, others[0].clamp(-1, 1), *others[1:]) if others else (y,)


class Decay(AdjointRK4):
    """Weight decay is added to the gradients of the parameters."""

    def backward(self, state):
        y, a, *pulled = super().backward(state)
        return (y, a, *(g + 1e-4 * p.detach() for g, p in zip(pulled, self.params, strict=True)))


class Scaled(AdjointRK4):
    """The gradients of the parameters are multiplied by the step."""

    def backward(self, state):
        y, a, *pulled = super().backward(state)
        return (y, a, *(g * (self.t1 - self.t0) / self.n_steps for g in pulled))


class Coupled(AdjointRK4):
    """In every step a thousandth of the mean over the batch is taken from the adjoint."""

    def step(self, field, t, h, state):
        y, *others = super().step(field, t, h, state)
        return (y, others[0] - 1e-3 * others[0].mean(0), *others[1:]) if others else (y,)


class Noise(AdjointRK4):
    """The gradients of the parameters are off by 1e-7, each entry by a share of its own."""

    def backward(self, state):
        y, a, *pulled = super().backward(state)
        shares = (torch.sin(1.0 + torch.arange(g.numel())).reshape(g.shape) for g in pulled)
        return (y, a, *(g * (1 + 1e-7 * share) for g, share in zip(pulled, shares, strict=True)))


class ScaledTwice(AdjointRK4):
    """All gradients are multiplied by the step twice."""

    def pullback(self, y1, cotangent):
        h = (self.t1 - self.t0) / self.n_steps
        return tuple(h * h * g for g in super().pullback(y1, cotangent))


class Damped(AdjointRK4):
    """The adjoint and the parameter integrals are multiplied by 0.8 in every step."""

    def step(self, field, t, h, state):
        y, *others = super().step(field, t, h, state)
        return (y, *(0.8 * x for x in others))


class OneState(AdjointRK4):
    """All stages of a backward step take their products at the state at which it begins."""

    def step(self, field, t, h, state):
        self.held = state[0].detach()
        return super().step(field, t, h, state)

    def vjp(self, t, y, a):
        return (super().vjp(t, y, a)[0], *super().vjp(t, self.held, a)[1:])


class ThreeSteps(AdjointRK4):
    """The backward pass takes three steps, whatever number is asked for."""

    def backward(self, state):
        return AdjointRK4(self.dynamics, self.t0, self.t1, 3).backward(state)


class BeyondTheEnd(AdjointRK4):
    """The backward pass goes on beyond t1."""

    def backward(self, state):
        return self.integrate(self.augmented, self.t1, 2 * self.t1 - self.t0, state)


class Detached(BackpropRK4):
    """The adjoint sees three quarters of the Jacobian: a fourth of each state is detached."""

    def field(self, t, state):
        (y,) = state
        return (self.dynamics(t, 0.75 * y + 0.25 * y.detach()),)


class DetachedStage(BackpropRK4):
    """The second stage is detached where the third starts from it."""

    def stages(self, field, t, h, state):
        (y,) = state
        k1 = field(t, state)
        k2 = field(t + h / 2, (y + h / 2 * k1[0],))
        k3 = field(t + h / 2, (y + h / 2 * k2[0].detach(),))
        return [k1, k2, k3, field(t + h, (y + h * k3[0],))]


class WholeStageDetached(BackpropRK4):
    """The third stage, whose weight is a third, is detached wherever it is used."""

    def stages(self, field, t, h, state):
        k1, k2, k3, _ = super().stages(field, t, h, state)
        k3 = tuple(k.detach() for k in k3)
        return [k1, k2, k3, field(t + h, (state[0] + h * k3[0],))]


class AdaptiveStageDetached(AdaptiveBackprop):
    """The third stage, whose weight is 500/1113, is detached where it adds to the solution."""

    def stages(self, field, t, h, state):
        stages = super().stages(field, t, h, state)
        stages[2] = tuple(k.detach() for k in stages[2])
        return stages


class ByEuler(AdjointRK4):
    """The backward pass takes Euler steps."""

    def backward(self, state):
        return AdjointEuler(self.dynamics, self.t0, self.t1, self.n_steps).backward(state)


def rounding_to(precision):
    wrong = type("RoundedTo" + str(precision).split(".")[1], (Rounded,), {"precision": precision})
    return as_layer(wrong, claims=AdjointRK4)


@functools.lru_cache
def diagnosis(wrong, check_id="gradient-order", problem=neural, profile=SMOKE):
    """Return what a failing check says of a layer."""
    check = next(check for check in CHECKS if check.id == check_id)
    evidence = check.measure(LayerUnderTest(wrong, profile), problem)
    assert any(not m.holds for m in evidence.measurements)
    return evidence.diagnosis


NAMED = [
    (named(TimeFromStart), "whose time is counted from t0, t - t0 ("),
    (named(TimeNegated), "In the backward pass the field is evaluated on [-1.7, -0.3], not on [0.3, 1.7]."),
    (named(MixedMembers), "match a parameter integral with the adjoint of the batch member 1 before ("),
    (named(SummedMembers), "It matches the sum of its rows in every row ("),
    (named(ShiftedMembers), "It is right but with its batch members in another order: 3, 0, 1, 2 ("),
    (rounding_to(torch.bfloat16), "∂L/∂y0 consists of bfloat16 numbers: the adjoint is rounded to bfloat16."),
    (rounding_to(torch.float16), "∂L/∂y0 consists of float16 numbers: the adjoint is rounded to float16."),
    (named(StepLeftOut), "They match a parameter integral without the step at t0 ("),
    (named(StopsAtFifty), "At 50 steps the error is"),
    (named(WrongForPrimes), "Right with 15, 16, 18, 34 and 68 steps, wrong with 17 and 19"),
    (named(ClampedAdjoint), "For 1/8192 of the cotangent the gradient is right: something is clipped"),
    (named(Decay), "0.0001 times the parameters too large, whatever the cotangent (weight decay) ("),
    (named(Scaled), "0.02188 times the exact gradient (h = 0.0219, it shrinks like h)"),
    (named(ScaledTwice), "They are 0.0004785 times the exact gradient (it shrinks like h^2) (residual"),
    (named(Damped), "They are 6.277e-07 times the exact gradient (0.8 for each step) (residual"),
    (named(ThreeSteps), "The backward pass makes 12 evaluations of the field with 8 steps and with 64 alike"),
    (
        named(OneState),
        "They match an adjoint along states that are half a step late, as with one state for all",
    ),
    (named(Detached), "They match an adjoint driven by 0.75"),
    (named(DetachedStage), "look like this if a part of each is detached."),
    (named(WholeStageDetached), "They match an adjoint that sees 0.6"),
    (named(ByEuler), "a backward scheme of order 1 would look like this"),
]


@pytest.mark.parametrize(("wrong", "cause"), NAMED, ids=[layer.name for layer, _ in NAMED])
def test_the_cause_is_named_and_no_other(wrong, cause):
    text = diagnosis(wrong)
    assert cause in text
    assert not any(other in text for other in MISLEADING)


def test_wrong_times_of_the_backward_pass_are_told_where_the_field_has_no_time():
    text = diagnosis(named(BeyondTheEnd), problem=linear)
    assert "In the backward pass the field is evaluated on [1.7, 3.1], not on [0.3, 1.7]." in text


@pytest.mark.parametrize("problem", [neural, spiral], ids=lambda problem: problem.name)
def test_a_detached_stage_is_named_in_an_adaptive_layer_by_its_weight(problem):
    text = diagnosis(named(AdaptiveStageDetached), "gradient-tolerance", problem, CI)
    assert "They match an adjoint that sees 0.55" in text
    assert "as if stages of weight 0.45 were detached" in text


def test_a_detached_stage_does_not_show_where_the_field_does_not_depend_on_the_state():
    text = diagnosis(named(WholeStageDetached), "constant-field-gradient", constant)
    assert "∂L/∂c is off by 33 %" in text
    assert "0.6667 times the exact gradient" in text


def test_members_that_are_mixed_are_found_by_experiment():
    text = diagnosis(named(Coupled))
    assert "Unexplained" in text
    assert "A cotangent of batch member 0 alone reaches ∂L/∂y0 of members 0, 1, 2, 3" in text


def test_an_adjoint_in_float32_is_named_where_the_method_is_more_accurate_than_that():
    text = diagnosis(rounding_to(torch.float32), problem=lotka_volterra)
    assert "∂L/∂y0 consists of float32 numbers: the adjoint is rounded to float32." in text


def test_an_error_of_the_size_of_float32_is_not_called_that():
    assert "float32" not in diagnosis(named(Noise), problem=lotka_volterra)
    assert "float32" not in diagnosis(named(Noise), "constant-field-gradient", constant)


def test_times_in_float32_of_the_backward_pass_are_named():
    text = diagnosis(named(Float32Times), "constant-field-gradient", constant)
    assert text.endswith("The times of the backward pass are float32 numbers.")
