"""One layer used more than once, and parameters that are used not at all; a check adds the `others`."""

from __future__ import annotations

from nodecheck.layers import Variation
from nodecheck.problems import Problem

USED_AGAIN = Variation("used-again", "after a training step")
OVERLAPPING_PASSES = Variation("overlapping-passes", "when two passes of one layer overlap")
OVERLAPPING_LAYERS = Variation("overlapping-layers", "when passes of two layers overlap")
UNUSED_PARAMETERS = Variation("unused-parameters", "with unused parameters")
REUSES = (USED_AGAIN, OVERLAPPING_PASSES, OVERLAPPING_LAYERS, UNUSED_PARAMETERS)


def frozen_parameter(problem: Problem) -> str:
    """Return the name of the parameter to freeze: one that has others before and after it."""
    return tuple(problem.params)[len(problem.params) // 2]
