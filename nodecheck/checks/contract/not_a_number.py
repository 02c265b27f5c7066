"""NaNs in the input must show in the output."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import Array, LayerUnderTest, Refusal, Solution, Solve, attempt, largest_entry
from nodecheck.measure.runaway import limit_beside_neural
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, at_most
from nodecheck.variations.comparison import usual_resolution


@check(
    title="What is not a number stays so",
    failure_title="What is not a number is made a number",
    theme="Contract",
    kind="contract",
    requires=frozenset({"fixed-step"}),
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="IEEE 754-2019, sec. 6.2: operations with NaNs; PyTorch documentation, torch.nan_to_num",
)
def not_a_number(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Put one NaN into y0, then one into the cotangent: y1, and every gradient, must not be all finite.

    A model that diverges shows it by a loss that is NaN.  A layer that turns NaN into a number, in one of the
    passes, lets the training go on with a gradient that means nothing.  Raising an error is as good.

    The field couples all components, and every parameter has a part in every one; a gradient that is missing
    or always zero is the matter of other checks.  An adaptive layer is not asked: what no step size mends may
    keep it busy for ever.
    """
    hidden, finite = _state_hides(layer, problem), _gradients_that_hide(layer, problem)
    sentences = ["y1 is finite although y0 is not."] if hidden else []
    if finite:
        names = ", ".join(f"∂L/∂{name}" for name in finite)
        sentences.append(f"Finite although the cotangent is not: {names}.")
    measurements = (
        at_most("final states that hide a NaN", int(hidden), 0),
        at_most("gradients that hide a NaN", len(finite), 0),
    )
    return Evidence(measurements, " ".join(sentences))


def _state_hides(layer: LayerUnderTest, problem: Problem) -> bool:
    """Return True if y1 is all finite for a y0 that is not."""
    outcome = _attempt(layer, problem.replace(y0=_spoilt(problem.y0)), ())
    return not isinstance(outcome, Refusal) and bool(np.isfinite(outcome.y1).all())


def _gradients_that_hide(layer: LayerUnderTest, problem: Problem) -> list[str]:
    """Return the names of the gradients that are all finite for a cotangent that is not."""
    outcome = _attempt(layer, problem, (_spoilt(layer.cotangents(problem, 1)[0]),))
    if isinstance(outcome, Refusal):
        return []
    (usual,) = layer.gradients(problem, usual_resolution(layer), 1)
    return [
        name
        for name, value in outcome.gradients.items()
        if value is not None and np.isfinite(value).all() and largest_entry(usual.gradients[name])
    ]


def _attempt(layer: LayerUnderTest, problem: Problem, cotangents: tuple[Array, ...]) -> Solution | Refusal:
    """Return the solution, or what was raised: by the layer, or after many more evaluations than usual."""
    resolution = usual_resolution(layer)
    solve = Solve(problem, resolution, limit=limit_beside_neural(layer, resolution))
    return attempt(lambda: layer.fresh(solve, cotangents))


def _spoilt(values: Array) -> Array:
    """Return a copy whose first entry is NaN."""
    spoilt = values.copy()
    spoilt.flat[0] = np.nan
    return spoilt
