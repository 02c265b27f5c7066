"""Gradients with respect to times: what fails them, with which words, and what passes or refuses."""

from __future__ import annotations

import functools
import itertools
import math

import pytest
import torch
from right_times import TIMES as ODD_STYLES

from nodecheck import ODELayer, TorchLayer
from nodecheck.checks.outputs.time_gradients import time_gradients
from nodecheck.diagnosis.outputs.time_gradients import explain_refusal
from nodecheck.layers import LayerUnderTest, Refusal
from nodecheck.measure.time_gradients import distance_to_own_slope, error_of_times
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.times import TIMES
from nodecheck.numerics.constants import BOOLE_NODES, BOOLE_WEIGHTS, EXPLAINED_SHARE
from nodecheck.options.profile import CI, SMOKE
from nodecheck.problems import neural_at_outputs
from nodecheck.results import ALSO_LOOKED_AT, Inconclusive, Unsupported

PROMISED = frozenset({"time-gradients"})
FORWARDS, BACKWARDS = time_gradients.problems[0], time_gradients.more[0][1]
CAUSES = {
    "start-sign-wrong": "∂L/∂ts[0] has the wrong sign.",
    "output-sign-wrong": "∂L/∂ts[1:] has the wrong sign.",
    "time-sign-wrong": "∂L/∂ts has the wrong sign.",
    "start-time-forgotten": "∂L/∂ts[0] is zero: a gradient that is not supported must be None",
    "times-zero": "∂L/∂ts is zero",
    "times-averaged": "1/4 of what it should be: the mean over the batch is taken, not the sum",
    "start-from-the-end": "∂L/∂ts[0] takes the field at t1 and y1, not at t0 and y0",
    "start-with-cotangent": "has the cotangents in place of the adjoint at t0",
    "outputs-from-the-start": "∂L/∂ts[1:] takes the field at y0",
    "last-time-alone": "arrives at the last time alone",
    "start-balances-others": "right only of a field that does not depend on t",
    "times-reversed": "arrive in reverse order",
    "places-detached": "that of the step sizes alone: the times of the stages are numbers",
    "sizes-detached": "that of the times of the stages alone: step sizes are numbers",
}
RIGHT = [layer for layer in ORIGINALS if "time-gradients" in layer.supports]


class WithGradient(torch.autograd.Function):
    """y1, and for both ends a gradient that is made from the right one."""

    @staticmethod
    def forward(ctx, y1, _t0, _t1, change):
        ctx.change = change
        return y1.clone()

    @staticmethod
    def backward(ctx, w):
        return (w, *ctx.change(w), None)


def ends(change=None, supports=PROMISED):
    """Return our own layer with t0 and t1; `change` replaces what arrives at them."""

    def build(dynamics, t0, t1, n_steps):
        if change is None or not isinstance(t0, torch.Tensor):
            return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")
        own = ODELayer(dynamics, t0.detach(), t1.detach(), n_steps, solver="rk4", adjoint="discrete")
        return lambda y0: WithGradient.apply(own(y0), t0, t1, change)

    return TorchLayer("ends", build, order=4, adjoint="discrete", supports=supports)


def evidence(layer, problem=FORWARDS):
    return time_gradients.measure(LayerUnderTest(layer, SMOKE), problem)


def holds(found):
    return all(m.holds for m in found.measurements)


@pytest.mark.parametrize("name", CAUSES)
def test_a_wrong_gradient_fails_and_is_told_the_cause(name):
    (mutant,) = (m for m in TIMES if m.name == name)
    found = evidence(mutant.layer)
    assert not holds(found)
    assert CAUSES[name] in found.diagnosis


@pytest.mark.parametrize("problem", [FORWARDS, BACKWARDS], ids=lambda problem: problem.name)
@pytest.mark.parametrize("layer", [*RIGHT, *ODD_STYLES], ids=lambda layer: layer.name)
def test_a_right_gradient_passes_in_both_directions_of_time(layer, problem):
    assert holds(evidence(layer, problem))


@pytest.mark.parametrize("adjoint", ["discrete", "continuous"])
@pytest.mark.parametrize("solver", ["euler", "heun", "dopri5"])
def test_our_own_layer_passes_with_both_ends_at_every_order(solver, adjoint):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver=solver, adjoint=adjoint)

    order = {"euler": 1, "heun": 2, "dopri5": 5}[solver]
    layer = TorchLayer("own", build, order=order, adjoint=adjoint, supports=PROMISED)
    assert holds(evidence(layer))


def through_outputs(n_steps):
    """Return a grid constructor of torchdiffeq that ends a step at each output time, with gradients."""

    def grid(_func, _y0, ts):
        numbers = ts.detach()
        times = [ts[0]]
        for (a, b), part in zip(itertools.pairwise(ts), numbers.diff().tolist(), strict=True):
            n = max(1, math.ceil(n_steps * part / float(numbers[-1] - numbers[0]) - 1e-9))
            times += [*(torch.lerp(a, b, k / n) for k in range(1, n)), b]
        return torch.stack(times)

    return grid


@pytest.mark.parametrize("name", ["odeint", "odeint_adjoint"])
def test_fixed_steps_of_torchdiffeq_pass_with_output_times(name):
    torchdiffeq = pytest.importorskip("torchdiffeq")
    solve = functools.partial(getattr(torchdiffeq, name), method="rk4")

    def build(dynamics, ts, n_steps):
        return lambda y0: solve(dynamics, y0, ts, options={"grid_constructor": through_outputs(n_steps)})

    assert holds(evidence(TorchLayer(name, build, order=4, supports=PROMISED)))


@pytest.mark.parametrize("name", ["odeint", "odeint_adjoint"])
def test_adaptive_steps_of_torchdiffeq_pass_with_output_times(name):
    torchdiffeq = pytest.importorskip("torchdiffeq")
    solve = functools.partial(getattr(torchdiffeq, name), method="dopri5")

    def build(dynamics, ts, tol):
        return lambda y0: solve(dynamics, y0, ts, rtol=tol, atol=tol)

    assert holds(evidence(TorchLayer(name, build, order=5, supports=PROMISED)))


def test_an_adaptive_slope_passes_and_is_that_of_its_own_states():
    """Of dopri8 of torchdiffeq, whose interpolant is of a far lower order than its steps."""
    torchdiffeq = pytest.importorskip("torchdiffeq")

    def build(dynamics, ts, tol):
        return lambda y0: torchdiffeq.odeint(dynamics, y0, ts, rtol=tol, atol=tol, method="dopri8")

    layer = TorchLayer("dopri8", build, order=8)
    assert holds(evidence(layer))
    under_test, tol = LayerUnderTest(layer, SMOKE), 1e-6
    left = distance_to_own_slope(under_test, neural_at_outputs, tol)
    assert left <= EXPLAINED_SHARE * error_of_times(under_test, neural_at_outputs, tol)


def test_an_adaptive_layer_with_a_wrong_factor_fails():
    torchdiffeq = pytest.importorskip("torchdiffeq")

    def build(dynamics, ts, tol):
        ts = 1.1 * ts - 0.1 * ts.detach()
        return lambda y0: torchdiffeq.odeint(dynamics, y0, ts, rtol=tol, atol=tol)

    found = evidence(TorchLayer("factor", build, order=5))
    assert not holds(found)
    assert "∂L/∂ts is 1.1 times what it should be" in found.diagnosis


def test_states_between_straight_lines_decide_nothing_about_times():
    torchdiffeq = pytest.importorskip("torchdiffeq")

    def build(dynamics, ts, n_steps):
        size = float((ts[-1] - ts[0]).abs().detach()) / n_steps * (1 + 1e-12)
        options = {"step_size": size}
        return lambda y0: torchdiffeq.odeint(dynamics, y0, ts, method="rk4", options=options)

    with pytest.raises(Inconclusive, match="the forward pass decides, not the gradient"):
        evidence(TorchLayer("straight", build, order=4))


@pytest.mark.parametrize("name", ["at-steps", "adjoint-at-outputs"])
def test_times_taken_as_numbers_are_unsupported(name):
    (layer,) = (layer for layer in ORIGINALS if layer.name == name)
    with pytest.raises(Unsupported, match="No gradient arrives at ts: times are taken as numbers"):
        evidence(layer)


def test_a_gradient_that_is_promised_and_missing_fails():
    found = evidence(ends(lambda w: (None, w.new_zeros(()))))
    assert not holds(found)
    assert found.diagnosis == "No gradient arrives at t0: times are taken as numbers."


def refusing(dynamics, ts, n_steps):
    if ts.requires_grad:
        message = "times are numbers here"
        raise TypeError(message)
    own = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver="rk4", adjoint="discrete")
    return lambda y0: own.solve(y0, ts)


def test_an_error_is_unsupported_unless_a_gradient_is_promised():
    with pytest.raises(Unsupported, match="times are numbers here"):
        evidence(TorchLayer("refusing", refusing, order=4))
    assert not holds(evidence(TorchLayer("refusing", refusing, order=4, supports=PROMISED)))


def test_a_batch_axis_that_is_left_in_the_gradient_is_told():
    error = RuntimeError(
        "Function SolveBackward returned an invalid gradient at index 1 - got [6, 4] but expected shape "
        "compatible with [6]"
    )
    assert "has the shape [6, 4], not [6]: an axis of the state is left" in explain_refusal(Refusal(error))


def test_another_gradient_of_the_state_fails_beside_right_times():
    def build(dynamics, ts, n_steps):
        own = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver="rk4", adjoint="discrete")
        factor = 1.01 if ts.requires_grad else 1.0
        return lambda y0: own.solve(factor * y0 - (factor - 1) * y0.detach(), ts)

    found = evidence(TorchLayer("other", build, order=4))
    assert [m.holds for m in found.measurements] == [True, False]
    assert "other gradients where times require one" in found.diagnosis


def test_the_scope_names_times_where_they_were_looked_at():
    assert evidence(ends()).facts == {ALSO_LOOKED_AT: "gradients with respect to times"}


@pytest.mark.parametrize("power", range(6))
def test_means_of_polynomials_up_to_degree_five_are_exact(power):
    mean = sum(w * x**power for x, w in zip(BOOLE_NODES, BOOLE_WEIGHTS, strict=True))
    assert mean == pytest.approx(1 / (power + 1), rel=1e-14)


def stage_times_detached(dynamics, t0, t1, tol):
    """Heun with a step size control: the field is told times without a graph, and the last step is t1 - t."""

    def solve(y):
        start, end = (torch.as_tensor(t, dtype=torch.float64) for t in (t0, t1))
        t, h = start, (end - start).detach() / 16
        while (end - t) / h > 1e-9:
            last = bool((end - t) / h < 1 + 1e-9)
            size = end - t if last else h
            k = dynamics(t.detach(), y)
            late = dynamics((t + size).detach(), y + size * k)
            error = float((size / 2 * (late - k)).detach().abs().max()) / tol
            if error <= 1:
                y, t = y + size / 2 * (k + late), end if last else t + size
            h = h * min(3.0, max(0.3, 0.9 * max(error, 1e-9) ** -0.5))
        return y

    return solve


@pytest.mark.parametrize("problem", [FORWARDS, BACKWARDS], ids=lambda problem: problem.name)
def test_a_mistake_in_one_time_alone_is_not_taken_for_a_slope_of_the_states(problem):
    """In one direction of both times it was less than a tenth of the error."""
    wrong = TorchLayer("detached", stage_times_detached, order=2, adjoint="discrete", supports=PROMISED)
    found = time_gradients.measure(LayerUnderTest(wrong, CI), problem)
    assert not holds(found)
    assert "∂L/∂t0 is minus the sum of the others" in found.diagnosis
