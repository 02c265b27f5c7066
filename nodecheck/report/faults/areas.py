"""The parts of a layer that can be at fault, and what a fault in each makes fail besides.

A wrong forward pass has wrong gradients, and a wrong gradient is wrong in other units and sizes, too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from nodecheck.results import Result


@dataclass(frozen=True)
class Area:
    """Checks that see one part of a layer, those first whose failure says most about the cause.

    `explained_by` are the areas whose faults make these checks fail, where no cause of its own is named.
    """

    name: str
    checks: tuple[str, ...]
    explained_by: frozenset[str] = frozenset()


_RUNS = frozenset({"adapter", "passes"})
# Random numbers make everything fail that compares numbers.
_SAME = _RUNS | {"determinism"}
_FORWARD = _SAME | {"forward"}
_GRADIENT = _FORWARD | {"outputs", "log-determinant", "gradient"}
# A layer is compared with itself, which a wrong answer may well pass: only a gradient that is wrong by entry
# or by cotangent shows there, too.
_COMPARISONS = (
    "batch-independence",
    "other-sizes",
    "other-units",
    "other-modules",
    "computed-parameters",
    "uninvolved-parameters",
    "complex-state",
    "device-autocast",
    "device-uses",
)
_OF_USES = ("other-uses", "function-transforms")
_OF_GRADIENTS = ("output-gradients", "log-det-gradient", "time-gradients", "member-times")
_OF_THEIR_OWN = ("float32-state", "not-a-number", "second-derivatives", "gradient-cost")

# In causal order: an area is explained by areas above it alone.
AREAS = (
    Area("adapter", ("adapter",)),
    Area("passes", ("forward-pass", "backward-pass", "device-placement"), frozenset({"adapter"})),
    Area("determinism", ("determinism",), _RUNS),
    Area("state", ("nothing-mutated", "repeated-use", "interleaved-calls"), _SAME),
    Area(
        "forward",
        (
            "constant-field",
            "time-precision",
            "evaluation-times",
            "polynomial-field",
            "both-tolerances",
            "forward-order",
            "forward-tolerance",
            "power-tolerance",
            "sudden-change",
            "long-interval",
            "solve-ivp-agreement",
        ),
        _SAME,
    ),
    Area("outputs", ("output-times", "output-states"), _FORWARD),
    Area("log-determinant", ("constant-divergence", "log-determinant"), _FORWARD),
    Area(
        "gradient",
        (
            "gradient-completeness",
            "gradient-order",
            "gradient-class",
            "gradient-tolerance",
            "constant-field-gradient",
            "finite-differences",
            "backprop-agreement",
            "cotangent-linearity",
        ),
        _FORWARD,
    ),
    *(Area(check, (check,), _GRADIENT) for check in _OF_GRADIENTS),
    *(Area(check, (check,), _SAME | {"gradient", "forward"}) for check in _COMPARISONS),
    *(Area(check, (check,), _SAME | {"state"}) for check in _OF_USES),
    Area("memory", ("memory-law", "hidden-memory", "memory-leak"), _RUNS),
    *(Area(check, (check,), _RUNS) for check in _OF_THEIR_OWN),
)
_AREA_OF = {check: area for area in AREAS for check in area.checks}
_BY_NAME = {area.name: area for area in AREAS}


def area_of(results: Collection[Result]) -> Area:
    """Return the area of the results of one check; a check that is not listed is an area of its own.

    Times that are told in the backward pass alone belong to the gradient.
    """
    check = next(iter(results)).check
    violated = [m.name for r in results for m in r.violated]
    if check == "evaluation-times" and violated and all("gradient" in name for name in violated):
        return _BY_NAME["gradient"]
    return _AREA_OF.get(check, Area(check, (check,), _RUNS))


def rank(check: str, area: Area) -> int:
    """Return the place of a check in its area."""
    return area.checks.index(check) if check in area.checks else len(area.checks)


def place(area: Area) -> int:
    """Return the place of an area in causal order."""
    return AREAS.index(area) if area in AREAS else len(AREAS)
