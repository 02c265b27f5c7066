"""Layers with output times: what fails them, with which words, and what passes."""

from __future__ import annotations

import pytest
import torch

from nodecheck import ODELayer, TorchLayer
from nodecheck.checks.outputs.gradient import output_gradients
from nodecheck.checks.outputs.states import output_states
from nodecheck.checks.outputs.times import output_times
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.mutant import as_layer
from nodecheck.mutants.output_families import AdjointAtOutputs
from nodecheck.mutants.outputs import OUTPUTS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import constant_at_outputs, neural_at_outputs
from nodecheck.results import Inconclusive

CHECKS = {check.id: check for check in (output_times, output_states, output_gradients)}
# Words of the diagnosis.
CAUSES = {
    "jumps-forgotten": ("output-gradients", "Only the cotangent of the last output arrives"),
    "jump-at-start-forgotten": ("output-gradients", "the output at t = 0.3 is dropped"),
    "jump-doubled": ("output-gradients", "counts 2 times, not once"),
    "jumps-reversed": ("output-gradients", "added in reverse order"),
    "jump-on-the-wrong-side": ("output-gradients", "on the wrong side of an interval"),
    "restarted-from-the-end": ("output-gradients", "no weights of the cotangents explain it"),
    "straight-between-steps": ("output-states", "lie on the straight line"),
    "nearest-step": ("output-times", "the state at the nearest step is taken"),
    "equally-spaced": ("output-times", "ts is taken for equally spaced"),
    "euler-to-outputs": ("output-times", "something is done at each output"),
}


class CotangentsMovedOn(AdjointAtOutputs):
    """The cotangent of the output before is added at each output."""

    def jump(self, cotangent, k):
        return cotangent[k - 1] if k else cotangent[0]


class MeanOverOutputs(AdjointAtOutputs):
    """Cotangents after that of ys[0] are divided by the number of outputs."""

    def jump(self, cotangent, k):
        return cotangent[k] / len(self.ts) if k else cotangent[0]


class LastIntervalAlone(AdjointAtOutputs):
    """The gradients of parameters start at zero in each interval."""

    def pullback(self, y1, cotangent):
        a, sums = torch.zeros_like(y1[0]), []
        for k in reversed(range(1, len(self.ts))):
            begun = (y1[k], a + cotangent[k], *(torch.zeros_like(p) for p in self.params))
            _, a, *sums = self.segment(self.augmented, self.ts[k], self.ts[k - 1], begun)
        return (a + cotangent[0], *sums)


# The words that name a mistake of somebody who was asked to make one.
MADE = {
    CotangentsMovedOn: "at the output after its own: an index is off by one",
    MeanOverOutputs: "with 5 output times, that is a mean, not a sum",
    LastIntervalAlone: "∂L/∂y0 is right: so are state and adjoint",
}
RIGHT = [layer for layer in ORIGINALS if layer.output_times]


def evidence(layer, name):
    check = CHECKS[name]
    return check.measure(LayerUnderTest(layer, SMOKE), check.problems[0])


def holds(found):
    return all(m.holds for m in found.measurements)


def own(solver, adjoint="discrete"):
    """Return the `build` of our own layer with output times."""

    def build(dynamics, ts, n_steps):
        layer = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver=solver, adjoint=adjoint)
        return lambda y0: layer.solve(y0, ts)

    return build


def step_doubling(dynamics, ts, tol):
    """Heun's method with local extrapolation, which ends a step at every output time."""

    def heun(t, h, y):
        k = dynamics(t, y)
        return y + h / 2 * (k + dynamics(t + h, y + h * k))

    def run(y0):
        ys, t, h = [y0], float(ts[0]), float(ts[1] - ts[0])
        for end in ts.tolist()[1:]:
            y = ys[-1]
            while (end - t) * h > 0:
                taken = h if abs(h) < abs(end - t) else end - t
                twice = heun(t + taken / 2, taken / 2, heun(t, taken / 2, y))
                difference = twice - heun(t, taken, y)
                error = float((difference.detach() / (tol + tol * y.detach().abs())).pow(2).mean().sqrt()) / 3
                if error <= 1:
                    t, y = (end if taken == end - t else t + taken), twice + difference / 3
                h = taken * min(4.0, max(0.2, 0.9 * (error + 1e-10) ** (-1 / 3)))
            ys.append(y)
        return torch.stack(ys)

    return run


@pytest.mark.parametrize("name", CAUSES)
def test_a_wrong_layer_fails_and_is_told_the_cause(name):
    check, words = CAUSES[name]
    (mutant,) = (m for m in OUTPUTS if m.name == name)
    found = evidence(mutant.layer, check)
    assert not holds(found)
    assert words in found.diagnosis


@pytest.mark.parametrize("family", MADE, ids=lambda family: family.__name__)
def test_a_mistake_in_all_cotangents_is_told_as_one(family):
    found = evidence(as_layer(family, claims=family), "output-gradients")
    assert not holds(found)
    assert MADE[family] in found.diagnosis


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.name)
def test_a_right_layer_passes_however_it_reaches_its_outputs(layer, check):
    assert holds(evidence(layer, check))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("solver", ["euler", "heun", "rk4", "dopri5"])
def test_our_own_layer_passes_at_every_order(solver, check):
    order = {"euler": 1, "heun": 2, "rk4": 4, "dopri5": 5}[solver]
    assert holds(evidence(TorchLayer("own", own(solver), order=order), check))


@pytest.mark.parametrize("check", CHECKS)
def test_an_adaptive_layer_passes_that_ends_a_step_at_each_output(check):
    assert holds(evidence(TorchLayer("doubling", step_doubling, order=3), check))


def test_an_adaptive_layer_with_a_fixed_error_at_outputs_fails():
    def build(dynamics, ts, tol):
        run = step_doubling(dynamics, ts, tol)
        return lambda y0: torch.cat([y0[None], run(y0)[1:-1] * 1.001, run(y0)[-1:]])

    assert not holds(evidence(TorchLayer("off", build, order=3), "output-states"))


def test_a_gradient_of_inaccurate_states_is_left_to_the_forward_pass():
    (mutant,) = (m for m in OUTPUTS if m.name == "straight-between-steps")
    with pytest.raises(Inconclusive, match="the forward pass decides"):
        evidence(mutant.layer, "output-gradients")


def test_states_come_back_with_an_axis_of_times():
    layer = LayerUnderTest(RIGHT[0], SMOKE)
    count = len(neural_at_outputs.ts)
    assert layer.solve(neural_at_outputs, 8).y1.shape == (count, *neural_at_outputs.y0.shape)
    assert (
        layer.solve(constant_at_outputs.with_interval(0.0, 1.0), 8).y1.shape == constant_at_outputs.y0.shape
    )
