"""A layer used more than once: two passes at a time, and again after a training step."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.base import Refusal, attempt, check
from nodecheck.checks.contract import difference, largest_entry, resolution_of
from nodecheck.checks.kept_graphs import explain_kept_graph, of_kept_graph
from nodecheck.layers import LayerUnderTest, overlap, use_again
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
    context of the call, is overwritten by the second forward pass.  Tried with two layers and batches of two
    sizes, and with one layer and two batches of the same size.
    """
    resolution = resolution_of(layer)
    (cotangent,) = layer.cotangents(problem, 1)
    smaller = problem.replace(y0=problem.y0[::-1][:-1] + 0.5)
    other = problem.replace(y0=problem.y0[::-1] + 0.5)
    alone = [layer.fresh(p, resolution).pullback(cotangent) for p in (problem, other)]
    scale = max(largest_entry(value) for gradients in alone for value in gradients.values())
    bound = roundoff(max(1, layer.solve(problem, resolution).evaluations), scale)

    def two_layers() -> float:
        first = layer.fresh(problem, resolution)
        layer.fresh(smaller, resolution)
        return difference(first.pullback(cotangent), alone[0])

    def one_layer() -> float:
        overlapping = overlap(layer.claims, (problem, other), resolution, cotangent)
        return float(np.max([difference(g, h) for g, h in zip(overlapping, alone, strict=True)]))

    ways = (("two layers", two_layers), ("one layer", one_layer))
    changes = [(way, attempt(change)) for way, change in ways]
    measurements = tuple(
        at_most(f"passes of {way} that raise when they overlap", 1, 0)
        if isinstance(change, Refusal)
        else at_most(f"change of the gradient, {way}", change, bound)
        for way, change in changes
    )
    wrong = [change for change, m in zip(changes, measurements, strict=True) if not m.holds]
    return Evidence(measurements, _explain_overlap(*wrong[0]) if wrong else "")


def _explain_overlap(way: str, change: float | Refusal) -> str:
    if isinstance(change, Refusal):
        raised = f"Overlapping passes of {way} raise {str(change).rstrip('.')}.  Each alone does not."
        return explain_kept_graph(change) or raised
    return f"The gradient of the first or second call changes when calls of {way} overlap."


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
    outcome = attempt(lambda: use_again(layer.claims, (problem, trained), resolution, cotangent))
    if isinstance(outcome, Refusal):
        return of_kept_graph(outcome)
    y1, gradients = outcome[1]
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
