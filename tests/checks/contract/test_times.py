"""Times told to the field are those of the steps: on any grid, with any method, in both passes."""

from __future__ import annotations

import itertools
import math

import pytest
from wrong_layers import continuous, euler_step, layer, marching, midpoint_step, rk4

from nodecheck.checks import evaluation_times
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import time_linear
from nodecheck.results import Inconclusive

SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}


def measure(under_test):
    return evaluation_times.measure(LayerUnderTest(under_test, SMOKE), time_linear)


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


def on_grid(place, step=euler_step):
    """Return a layer whose grid has its points at these places between 0 and 1."""

    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            grid = [t0 + (t1 - t0) * place(i / n_steps) for i in range(n_steps + 1)]
            for t, after in itertools.pairwise(grid):
                y = step(dynamics, t, after - t, y)
            return y

        return solve

    return layer(build, order=None)


def told(tell, step=euler_step):
    """Return a layer with equal steps that tells the field other times."""

    def build(dynamics, t0, t1, n_steps):
        def field(t, y):
            return dynamics(t0 + (t1 - t0) * tell((t - t0) / (t1 - t0)), y)

        return marching(step)(field, t0, t1, n_steps)

    return layer(build, order=None)


def round_steps(dynamics, t0, t1, n_steps):
    """Euler's method with steps of two digits, of which the last one is shorter."""

    def solve(y):
        t, h = t0, float(f"{(t1 - t0) / n_steps:.2g}")
        while (t1 - t) / h > 1e-9:
            step = h if abs(t1 - t) > abs(h) else t1 - t
            y = euler_step(dynamics, t, step, y)
            t += step
        return y

    return solve


def implicit_euler_step(f, t, h, y):
    after = y
    for _ in range(4):
        after = y + h * f(t + h, after)
    return after


RIGHT = {
    "of RK4": rk4(),
    "of a continuous adjoint": continuous(),
    "of implicit Euler": layer(marching(implicit_euler_step), order=None),
    "on a grid that is denser at the start": on_grid(lambda s: s**2),
    "on a grid that is denser at the end": on_grid(lambda s: s**0.5),
    "on a grid that is denser at both ends": on_grid(lambda s: (1 - math.cos(math.pi * s)) / 2),
    "on a grid of the midpoint rule": on_grid(lambda s: s**2, midpoint_step),
    "of steps that are rounded to two digits": layer(round_steps, order=None),
}


@pytest.mark.parametrize("words", RIGHT)
def test_right_are_the_times(words):
    evidence = measure(RIGHT[words])
    assert violated(evidence) == []
    assert len([m for m in evidence.measurements if "mean of t" in m.name]) == 4


def shifted(s):
    return s + 1e-3 * (1 - s)


@pytest.mark.parametrize("step", [euler_step, midpoint_step], ids=["Euler", "the midpoint rule"])
def test_times_that_begin_late_at_any_step_fail_with(step):
    evidence = measure(told(shifted, step))
    assert "order at which the error of the mean of t^1 vanishes" in violated(evidence)
    assert "the earliest tends to 0.3014, not to 0.3" in evidence.diagnosis


@pytest.mark.parametrize("name", ["told-times-shifted", "told-times-bent", "backward-times-shifted"])
def test_times_inside_the_interval_may_still_be_wrong(name):
    inside, *means = measure(SPECIMENS[name]).measurements[1:]
    assert inside.holds
    assert not all(m.holds for m in means)


def test_a_symmetric_distortion_shows_in_the_mean_of_squares():
    evidence = measure(SPECIMENS["told-times-bent"])
    assert violated(evidence) == ["order at which the error of the mean of t^2 vanishes"]
    assert "those between are not" in evidence.diagnosis


def test_the_backward_pass_alone_may_be_told_wrong_times():
    evidence = measure(SPECIMENS["backward-times-shifted"])
    assert all("in the gradient" in name for name in violated(evidence))
    assert evidence.diagnosis.startswith("For the gradient the field is told other times")


def test_a_gradient_of_half_the_size_is_no_matter_of_times():
    def halved(y0, y1):
        return 0.5 * y1 + 0.5 * y1.detach()

    under_test = TorchLayer(
        "halved",
        lambda dynamics, t0, t1, n_steps: lambda y: halved(y, rk4().build(dynamics, t0, t1, n_steps)(y)),
    )
    assert violated(measure(under_test)) == []


def test_where_steps_cannot_be_refined_nothing_is_decided():
    def five(dynamics, t0, t1, n_steps):
        return marching(euler_step)(dynamics, t0, t1, 5)

    with pytest.raises(Inconclusive, match="the resolution cannot be changed"):
        measure(layer(five, order=None))
