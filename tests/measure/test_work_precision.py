"""The curve of error against evaluations: those of both passes, and the largest error over the groups."""

from __future__ import annotations

import pytest

from nodecheck import TorchLayer
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.work_precision import PLOT, work_precision
from nodecheck.neural_ode import ODELayer
from nodecheck.options.profile import CI
from nodecheck.problems import neural
from nodecheck.report.gradient_accuracy import WORK_PRECISION

ERRORS = {"y0": (1e-2, 1e-3), "u": (3e-2, 1e-4)}


def curve(adjoint: str):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0=t0, t1=t1, n_steps=n_steps, solver="rk4", adjoint=adjoint)

    return work_precision(LayerUnderTest(TorchLayer("mine", build), CI), neural, (4, 8), ERRORS)


@pytest.mark.parametrize(("adjoint", "per_step"), [("discrete", 4), ("continuous", 8)])
def test_the_evaluations_of_both_passes_are_counted(adjoint, per_step):
    (found,) = curve(adjoint)
    assert found.x == (4 * per_step, 8 * per_step)


def test_the_error_is_the_largest_over_the_groups():
    (found,) = curve("discrete")
    assert found.y == (3e-2, 1e-3)


def test_the_report_knows_the_curve_by_its_name():
    assert PLOT == WORK_PRECISION
