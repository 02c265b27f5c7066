"""Obligations of any autograd function to the code around it."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest, Refusal, Solve, attempt
from nodecheck.measure.scope import scope_facts
from nodecheck.numerics import EPS_FLOAT32, TOLERANCE_FACTOR, rms, roundoff
from nodecheck.numerics.constants import ORDINARY_STEPS, USUAL_STEPS, USUAL_TOLERANCE
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Unsupported, at_most
from nodecheck.results.phrases import verb
from nodecheck.variations.comparison import difference, usual_resolution


@check(
    title="Forward pass runs",
    failure_title="Forward pass does not run",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    needs="adapter",
    cite="the contract of TorchLayer: y0 of shape (B, d) in, y1 of the same shape out",
)
def forward_pass(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve one ordinary problem: a network with time as an input, a batch of four, float64.

    A layer that cannot do this costs one result; nothing else is tried on it.  The scope of the verdict is
    told here: what is looked at, and what the readings of the adapter drop.
    """
    solve = Solve(problem, _ordinary_resolution(layer))
    solution = layer.solution(solve)
    y1 = solution.y1
    bad = int(np.sum(~np.isfinite(y1)))
    diagnosis = f"{bad} of {y1.size} entries of y1 {verb(bad, 'is', 'are')} NaN or infinite." if bad else ""
    measurement = at_most("entries of y1 that are not finite", bad, 0)
    return Evidence((measurement,), diagnosis, facts=scope_facts(solve, solution.dropped))


@check(
    title="Backward pass runs",
    failure_title="Backward pass does not run",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    cite="the contract of TorchLayer: gradients through .backward() and .grad",
)
def backward_pass(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Run one backward pass on the same ordinary problem; without it there is no gradient to judge."""
    (run,) = layer.gradients(problem, _ordinary_resolution(layer), 1)
    bad = [name for name, g in run.gradients.items() if g is not None and not np.isfinite(g).all()]
    diagnosis = f"The gradient of {', '.join(bad)} has entries that are NaN or infinite." if bad else ""
    return Evidence((at_most("groups with a gradient that is not finite", len(bad), 0),), diagnosis)


@check(
    title="Two calls give the same numbers",
    failure_title="Two calls do not give the same numbers",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    cite="PyTorch documentation, Reproducibility; torch.autograd.gradcheck, nondet_tol",
)
def determinism(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Run forward and backward twice with the same input; on the CPU every bit must agree."""
    resolution = usual_resolution(layer)
    (cotangent,) = layer.cotangents(problem, 1)
    first, second = (layer.fresh(Solve(problem, resolution), (cotangent,)) for _ in range(2))
    forward = float(np.max(np.abs(first.y1 - second.y1)))
    backward = difference(first.gradients, second.gradients)
    diagnosis = ""
    if forward or backward:
        diagnosis = "The same input gives other numbers the second time: hidden state or random numbers."
    return Evidence(
        (
            at_most("difference of two forward passes", forward, 0.0),
            at_most("difference of two backward passes", backward, 0.0),
        ),
        diagnosis,
    )


@check(
    title="Inputs are left as they were",
    failure_title="Inputs are modified",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    needs="backward-pass",
    cite="PyTorch documentation, Extending PyTorch: inputs and grad_output are not modified",
)
def nothing_mutated(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compare y0, parameters, cotangent and global settings, bit by bit, before and after a pass."""
    solve, cotangents = Solve(problem, usual_resolution(layer)), layer.cotangents(problem, 1)
    changed = layer.solution(solve, cotangents, instruments=("changes",)).changed
    diagnosis = f"Changed by the layer: {', '.join(changed)}." if changed else ""
    return Evidence((at_most("inputs changed", len(changed), 0),), diagnosis)


@check(
    title="A float32 state stays float32",
    failure_title="A float32 state does not stay float32",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    profile="ci",
    cite="torchode, tests: dtype stability; PyTorch documentation, Type promotion",
)
def float32_state(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve in float32: the state keeps its dtype, and agrees with float64 to float32 rounding.

    Most models run in float32.  A constant or a buffer of fixed dtype either promotes the state or stops the
    model; stopping with an error is `unsupported`, silently returning another dtype is not.
    """
    resolution = USUAL_TOLERANCE if layer.adaptive else USUAL_STEPS
    outcome = attempt(lambda: layer.solve(problem, resolution, dtype="float32"))
    if isinstance(outcome, Refusal):
        raise Unsupported(str(outcome))
    exact = layer.solve(problem, resolution)
    error = rms(outcome.y1 - exact.y1) / rms(exact.y1)
    widest = max(value.size for value in problem.params.values())
    bound = roundoff(max(1, exact.evaluations) * widest, eps=EPS_FLOAT32)
    if layer.adaptive:
        bound = max(bound, TOLERANCE_FACTOR * resolution)
    changed = outcome.y1.dtype != np.float32
    diagnosis = f"y0 is float32, y1 is {outcome.y1.dtype}." if changed else ""
    return Evidence(
        (at_most("changes of dtype", int(changed), 0), at_most("float32 against float64", error, bound)),
        diagnosis,
    )


def _ordinary_resolution(layer: LayerUnderTest) -> float:
    return USUAL_TOLERANCE if layer.adaptive else ORDINARY_STEPS
