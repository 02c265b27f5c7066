"""A layer used more than once: two passes at a time, and again after a training step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.kept_graphs import explain_kept_graph, of_kept_graph
from nodecheck.layers import (
    Array,
    LayerUnderTest,
    Refusal,
    Solution,
    Solve,
    Variation,
    attempt,
    largest_entry,
)
from nodecheck.numerics.constants import TRAINED_FACTORS
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, at_most
from nodecheck.variations.comparison import difference, plain_solution, usual_resolution
from nodecheck.variations.reuse import OVERLAPPING_LAYERS, OVERLAPPING_PASSES, USED_AGAIN


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
    resolution = usual_resolution(layer)
    (cotangent,) = layer.cotangents(problem, 1)
    smaller = problem.replace(y0=problem.y0[::-1][:-1] + 0.5)
    other = problem.replace(y0=problem.y0[::-1] + 0.5)
    alone = [layer.pullback(p, resolution, cotangent).gradients for p in (problem, other)]
    scale = max(largest_entry(value) for gradients in alone for value in gradients.values())
    bound = layer.reordering * layer.roundoff(max(1, layer.solve(problem, resolution).evaluations), scale)

    def overlapping(variation: Variation, second: Problem) -> Solution:
        solve = Solve(problem, resolution, variation=replace(variation, others=(second,)))
        return layer.solution(solve, (cotangent,))

    def two_layers() -> float:
        return difference(overlapping(OVERLAPPING_LAYERS, smaller).gradients, alone[0])

    def one_layer() -> float:
        found = overlapping(OVERLAPPING_PASSES, other)
        pairs = zip((found, *found.others), alone, strict=True)
        return float(np.max([difference(one.gradients, expected) for one, expected in pairs]))

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
    """Build the layer once, and use it while the parameters, then y0, change: each answer must be a new one.

    What it returns must be what a layer built anew returns, with and without a graph.  A copy of the
    parameters made in ``__init__``, a cache that knows y0 by its place in memory or by its sum, or a gradient
    that is not reset between passes shows here.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    problems = _as_in_training(problem)
    again = replace(USED_AGAIN, others=problems[:-1])
    solve = Solve(problems[-1], usual_resolution(layer), variation=again)
    outcome = attempt(lambda: layer.solution(solve, (cotangent,)))
    if isinstance(outcome, Refusal):
        return of_kept_graph(outcome)
    changes = [
        _against_a_new_layer(layer, other, found, cotangent)
        for other, found in zip(problems[1:], (*outcome.others[1:], outcome), strict=True)
    ]
    names = ("y1", "y1 without a graph", "the gradient")
    worst = {name: float(np.max([change[name] for change in changes])) for name in names}
    stale = [name for name in names if not worst[name] <= 1]
    measurements = tuple(at_most(f"change of {name}", worst[name], 1.0, "bounds") for name in names)
    differ = "differs" if len(stale) == 1 else "differ"
    diagnosis = f"Used again, {' and '.join(stale)} {differ} from a layer built anew." if stale else ""
    return Evidence(measurements, diagnosis)


def _as_in_training(problem: Problem) -> tuple[Problem, ...]:
    """Return the problem with other parameters twice, then with rows permuted, then with another y0."""
    trained, further = (
        problem.replace(params={name: part * value for name, value in problem.params.items()})
        for part in TRAINED_FACTORS
    )
    permuted, scaled = (
        further.replace(y0=problem.y0[::-1]),
        further.replace(y0=TRAINED_FACTORS[-1] * problem.y0),
    )
    return problem, trained, further, permuted, scaled


def _against_a_new_layer(
    layer: LayerUnderTest, problem: Problem, found: Solution, cotangent: Array
) -> dict[str, float]:
    """Return the differences to the solution of a layer built anew, in units of rounding."""
    anew = plain_solution(layer, problem, cotangent, usual_resolution(layer))
    evaluations = max(1, anew.evaluations)
    of_state = layer.reordering * layer.roundoff(evaluations, float(np.max(np.abs(anew.y1))))
    of_gradient = layer.reordering * layer.roundoff(
        evaluations, max(map(largest_entry, anew.gradients.values()))
    )
    without_graph = difference({"y1": found.without_graph}, {"y1": anew.y1})
    return {
        "y1": _in_units(float(np.max(np.abs(found.y1 - anew.y1))), of_state),
        "y1 without a graph": _in_units(without_graph, of_state),
        "the gradient": _in_units(difference(found.gradients, anew.gradients), of_gradient),
    }


def _in_units(change: float, bound: float) -> float:
    """Return a change in units of its bound, which is zero where all that is compared is."""
    return change / bound if bound else change and math.inf
