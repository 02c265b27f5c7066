"""The picture of a layer with output times: the adjoint jumps there by the cotangent."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from right_times import hermite_output

from nodecheck import TorchLayer
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.output_pictures import ADJOINT, STATES, pictures_at_outputs
from nodecheck.mutants import MUTANTS, ORIGINALS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural_at_outputs as problem
from nodecheck.report.panels import figures
from nodecheck.results import Outcome, Result

SPECIMENS = {m.name: m.layer for m in MUTANTS} | {layer.name: layer for layer in ORIGINALS}


def drawn(layer):
    """Return the curves by plot, that of the reference first, and the cotangent of one component."""
    under_test = LayerUnderTest(layer, SMOKE)
    (cotangent,) = under_test.cotangents(problem, 1)
    series = pictures_at_outputs(under_test, problem, cotangent)
    return {plot: [s for s in series if s.plot == plot] for plot in (STATES, ADJOINT)}, cotangent[:, 0, 0]


def jumps(curve):
    """Return the change of a curve at each time that it has twice, the first time first."""
    pairs = itertools.pairwise(zip(curve.x, curve.y, strict=True))
    return [after - before for (t, before), (s, after) in pairs if t == s][::-1]


@pytest.mark.parametrize("which", [0, 1])
def test_the_adjoint_jumps_by_the_cotangent_of_each_output(which):
    curves, cotangent = drawn(SPECIMENS["adjoint-at-outputs"])
    found = jumps(curves[ADJOINT][which])
    assert len(found) >= len(problem.ts) - 1
    assert found == pytest.approx(list(cotangent[: len(found)]), abs=2e-4)


def test_the_points_of_a_right_layer_lie_near_the_exact_adjoint():
    exact, points = drawn(SPECIMENS["adjoint-at-outputs"])[0][ADJOINT]
    known = list(zip(exact.x, exact.y, strict=True))
    off = [min(abs(y - b) for a, b in known if a == t) for t, y in zip(points.x, points.y, strict=True)]
    assert max(off) < 0.05


def test_a_layer_without_jumps_leaves_the_exact_adjoint():
    exact, points = drawn(SPECIMENS["jumps-forgotten"])[0][ADJOINT]
    assert abs(points.y[-1] - exact.y[-1]) > 0.5


def test_a_layer_that_refuses_so_few_steps_leaves_gaps():
    def build(dynamics, ts, n_steps):
        if n_steps < 9:
            message = "n_steps must be 9 or more"
            raise ValueError(message)
        return hermite_output(dynamics, ts, n_steps)

    curves, _ = drawn(TorchLayer("many", build, order=4))
    assert all(np.isnan(curves[plot][1].y).all() for plot in (STATES, ADJOINT))


def test_the_page_draws_states_and_adjoint_side_by_side():
    curves, _ = drawn(SPECIMENS["adjoint-at-outputs"])
    series = tuple(s for plot in curves.values() for s in plot)
    result = Result("layer", "output-gradients", problem.name, Outcome.MEASURED, "", series=series)
    (figure,) = figures([result])
    assert figure.name == "Output times"
    assert [panel.title for panel in figure.panels] == [STATES, ADJOINT]
