"""Parameters that are computed by another network, in place of leaves."""

from __future__ import annotations

from dataclasses import replace

from nodecheck.layers import Array, LayerUnderTest, Pullback, Refusal, Solve, Variation, attempt
from nodecheck.layers.layer import COMPUTED_PARAMETERS
from nodecheck.problems import Problem
from nodecheck.results import Measurement
from nodecheck.variations.comparison import (
    compare,
    plain_solution,
    sentence,
    unchanged,
    usual_resolution,
)

_REPLACED = (
    "The backward pass reads the parameters from the module, where they are those of the module again: keep "
    "what dynamics.parameters() returned in the forward pass by ctx.save_for_backward, and call the dynamics "
    "with it by torch.func.functional_call, or raise an error where they differ."
)
COMPUTED = (
    Variation(
        "computed-parameters",
        "when parameters are computed",
        refusable=True,
        capability=COMPUTED_PARAMETERS,
        cause="What dynamics.parameters() returns need not be a leaf: return its gradient to autograd.",
    ),
    Variation(
        "functional-call",
        "under torch.func.functional_call",
        refusable=True,
        capability=COMPUTED_PARAMETERS,
        cause=_REPLACED,
    ),
)
PLAIN_TENSORS = Variation("plain-tensors", "when weights are no parameters of the module", refusable=True)


def judge_plain_tensors(
    layer: LayerUnderTest, problem: Problem, cotangent: Array
) -> tuple[tuple[Measurement, ...], str, dict[str, str]]:
    """Return the change of what arrives where weights are plain attributes, a sentence, and facts.

    Gradients of the weights that do not arrive are a fact and no failure: the layer was not given them.
    """
    if PLAIN_TENSORS.name not in layer.backend.capabilities:
        return (), "", {}
    resolution, when = usual_resolution(layer), PLAIN_TENSORS.when
    solve = Solve(problem, resolution, variation=PLAIN_TENSORS)
    found = attempt(lambda: layer.solution(solve, (cotangent,)))
    if isinstance(found, Refusal):
        return (), "", {"weights that are no parameters": "refused with an error"}
    arrived = {name: g for name, g in found.gradients.items() if g is not None or name == "y0"}
    plain = plain_solution(layer, problem, cotangent, resolution)
    seen = replace(found, pullbacks=(Pullback(arrived),))
    change = compare(layer, problem, seen, plain, tolerance=resolution)
    measurement = unchanged(when, change)
    lost = len(arrived) < len(found.gradients)
    facts = {"weights that are no parameters": "get no gradient, without an error" if lost else "get theirs"}
    return (measurement,), "" if measurement.holds else sentence(change, when), facts
