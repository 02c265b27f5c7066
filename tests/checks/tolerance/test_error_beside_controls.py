"""An error that follows the tolerance, and is far above that of right methods of the same order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from right_controllers import RIGHT
from wrong_layers import adaptive

from nodecheck.checks import forward_tolerance
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import as_layer
from nodecheck.mutants.adaptive import EndInterpolated
from nodecheck.mutants.adaptive_families import DORMAND_PRINCE, AdaptiveBackprop
from nodecheck.options.profile import CI
from nodecheck.problems import lotka_volterra, time_linear

NAME = "error over that of a right method of order 5"
CLAIMING = [layer for layer in RIGHT if layer.order is not None and layer.order <= 5]


class EndFromStages(EndInterpolated):
    """The state at t1 is a quadrature of the stages of the last step, exact for powers of t alone."""

    def integrate(self, field, start, end, state):
        self.before = state
        after = AdaptiveBackprop.integrate(self, field, start, end, state)
        if self.share == 1.0:
            return after
        weights = self.h * self.quadrature()
        return tuple(
            y + sum(float(w) * k for w, k in zip(weights, ks, strict=False))
            for y, ks in zip(self.before, zip(*self.seen, strict=True), strict=True)
        )

    def quadrature(self):
        """Return the weights of the first six nodes that are exact for powers of t up to the fifth."""
        powers = np.arange(1, 7)
        nodes = np.vander(np.array(DORMAND_PRINCE.c[:6]), 6, increasing=True).T
        return np.linalg.solve(nodes, self.share**powers / powers)

    def stages(self, field, t, h, state):
        self.h, self.seen = h, super().stages(field, t, h, state)
        return self.seen


def evidence(layer, problem=time_linear):
    return forward_tolerance.measure(LayerUnderTest(layer, CI), problem)


@pytest.mark.parametrize("problem", [time_linear, lotka_volterra], ids=lambda problem: problem.name)
def test_a_wrong_last_step_is_seen_where_the_error_follows_the_tolerance(problem):
    found = evidence(as_layer(EndFromStages, claims=AdaptiveBackprop), problem)
    assert [m.name for m in found.measurements if not m.holds] == [NAME]
    assert "some steps are wrong, as the last one is where it is interpolated" in found.diagnosis


def test_its_right_original_is_nowhere_near_the_bound():
    found = evidence(as_layer(AdaptiveBackprop, claims=AdaptiveBackprop))
    (excess,) = [m for m in found.measurements if m.name == NAME]
    assert excess.value <= 1


@pytest.mark.parametrize("layer", CLAIMING, ids=lambda layer: layer.name)
def test_right_pairs_of_every_kind_are_near_one_of_the_controls(layer):
    found = [m for m in evidence(layer).measurements if m.name.startswith("error over that")]
    assert len(found) == 1
    assert found[0].holds


def test_nothing_is_compared_where_no_order_is_claimed():
    names = [m.name for m in evidence(replace(adaptive(), order=None)).measurements]
    assert not any(name.startswith("error over that") for name in names)
