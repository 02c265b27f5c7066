"""A layer used more than once: two passes at a time, and again after a training step."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.base import check
from nodecheck.checks.contract import difference, largest_entry, resolution_of
from nodecheck.layers import LayerUnderTest, use_again
from nodecheck.numerics import roundoff
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, at_most


@check(
    title="Passes may overlap",
    failure_title="Overlapping passes disturb each other",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    cite="PyTorch documentation, Extending PyTorch: state of a Function belongs on ctx",
)
def interleaved_calls(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Run forward on a, forward on b, then backward on a: the gradient must be that of a.

    A layer used twice in one model does this.  State kept on the module or the class, instead of on the
    context of the call, is overwritten by the second forward pass.
    """
    resolution = resolution_of(layer)
    (cotangent,) = layer.cotangents(problem, 1)
    other = problem.replace(y0=problem.y0[::-1][:-1] + 0.5)
    alone = layer.fresh(problem, resolution).pullback(cotangent)
    first = layer.fresh(problem, resolution)
    layer.fresh(other, resolution)
    change = difference(first.pullback(cotangent), alone)
    scale = max(largest_entry(value) for value in alone.values())
    evaluations = max(1, layer.solve(problem, resolution).evaluations)
    diagnosis = ""
    measurement = at_most("change of the gradient", change, roundoff(evaluations, scale))
    if not measurement.holds:
        diagnosis = "The gradient of the first call changes when a second call comes in between."
    return Evidence((measurement,), diagnosis)


@check(
    title="Layer can be used again after a training step",
    failure_title="Layer gives stale answers after a training step",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    cite="torchdyn issue 116: flat copies of the parameters made once",
)
def repeated_use(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Build the layer once, use it, change y0 and the parameters in place, and use it again.

    The second answer must be that of a layer built anew.  A copy of the parameters made in ``__init__``, a
    cache of the first solution, or a gradient that is not reset between passes shows here.
    """
    resolution = resolution_of(layer)
    (cotangent,) = layer.cotangents(problem, 1)
    trained = problem.replace(
        y0=0.75 * problem.y0, params={name: 0.875 * value for name, value in problem.params.items()}
    )
    _, (y1, gradients) = use_again(layer.claims, (problem, trained), resolution, cotangent)
    anew = layer.fresh(trained, resolution)
    forward = float(np.max(np.abs(y1 - anew.y1)))
    expected = anew.pullback(cotangent)
    backward = difference(gradients, expected)
    evaluations = max(1, layer.solve(problem, resolution).evaluations)
    scale = max(largest_entry(value) for value in expected.values())
    measurements = (
        at_most("change of y1", forward, roundoff(evaluations, float(np.max(np.abs(y1))))),
        at_most("change of the gradient", backward, roundoff(evaluations, scale)),
    )
    stale = [word for word, m in zip(("y1", "the gradient"), measurements, strict=True) if not m.holds]
    diagnosis = f"On its second use {' and '.join(stale)} differ from a layer built anew." if stale else ""
    return Evidence(measurements, diagnosis)
