"""Obligations of any autograd function to the code around it."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.precision import explain_float32, other_steps
from nodecheck.layers import (
    PLAIN,
    LayerUnderTest,
    Refusal,
    Solution,
    Solve,
    Variation,
    attempt,
    largest_entry,
)
from nodecheck.measure.identities import identity_bound
from nodecheck.measure.scope import scope_facts
from nodecheck.numerics import EPS, EPS_FLOAT32, TOLERANCE_FACTOR, rms, roundoff
from nodecheck.numerics.constants import ORDINARY_STEPS, USUAL_STEPS, USUAL_TOLERANCE
from nodecheck.options.dtypes import FLOAT32
from nodecheck.problems import Problem, constant, group_of, neural
from nodecheck.results import Evidence, Measurement, Unsupported, at_most
from nodecheck.results.phrases import verb
from nodecheck.variations.comparison import difference, usual_resolution
from nodecheck.variations.device import DETERMINISTIC, FULL_PRODUCTS
from nodecheck.variations.reuse import frozen_parameter
from nodecheck.variations.shapes import refusal_of_odd


@check(
    title="Forward pass runs",
    failure_title="Forward pass does not run",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    own=True,
    needs="adapter",
    cite="the contract of TorchLayer: y0 of shape (B, d) in, y1 of the same shape out",
)
def forward_pass(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve one ordinary problem: a network with time as an input, a batch of four.

    A layer that cannot do this costs one result; nothing else is tried on it.  One that refuses an odd number
    of components with an error is `unsupported`: with "even" in `supports` it is judged on even ones.  The
    scope of the verdict is told here: what is looked at, and what the readings of the adapter drop.
    """
    solve = Solve(problem, _ordinary_resolution(layer))
    solution = attempt(lambda: layer.solution(solve))
    if isinstance(solution, Refusal):
        if odd := refusal_of_odd(layer, problem, solve.resolution, solution):
            raise Unsupported(odd, {"cannot be used": "with an odd number of components"})
        raise solution.error
    y1 = solution.y1
    bad = int(np.sum(~np.isfinite(y1)))
    diagnosis = f"{bad} of {y1.size} entries of y1 {verb(bad, 'is', 'are')} NaN or infinite." if bad else ""
    measurement = at_most("entries of y1 that are not finite", bad, 0)
    scope = scope_facts(
        layer.placed(solve),
        solution.dropped,
        output_times=layer.claims.output_times,
        equation=layer.equation,
    )
    return Evidence((measurement,), diagnosis, facts=scope)


@check(
    title="Backward pass runs",
    failure_title="Backward pass does not run",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    own=True,
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
    own=True,
    needs="backward-pass",
    cite="PyTorch documentation, Reproducibility; torch.autograd.gradcheck, nondet_tol",
)
def determinism(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Run forward and backward twice with the same input: every bit of y1 and of its gradient must agree.

    An estimate of a log-determinant may be random.  Where an adaptive layer has it in the error norm, steps
    depend on its noise, so that such a layer has the same noise in all passes.

    On a device some kernels add in the order in which threads come, unless they are told not to.  A layer
    whose numbers differ by no more than that, and not at all with `torch.use_deterministic_algorithms`,
    passes: the result names it.
    """
    first, second = _twice(layer, problem)
    forward, backward = _differences(first, second)
    bound, facts, diagnosis = 0.0, {}, ""
    if forward or backward:
        diagnosis = "The same input gives other numbers the second time: hidden state or random numbers."
        if layer.on_device and not any(_differences(*_twice(layer, problem, DETERMINISTIC))):
            widest = max(value.size for value in problem.params.values())
            scale = max(map(largest_entry, (first.y1, *first.gradients.values())))
            bound = layer.reordering * layer.roundoff(first.all_evaluations * widest, scale)
            facts = {"the same numbers again": "only with torch.use_deterministic_algorithms(True)"}
            diagnosis = (
                "The same input gives other numbers the second time, and the same with "
                "torch.use_deterministic_algorithms(True): a kernel adds in another order each time."
            )
    return Evidence(
        (
            at_most("difference of two forward passes", forward, bound),
            at_most("difference of two backward passes", backward, bound),
        ),
        diagnosis,
        facts=facts,
    )


def _twice(layer: LayerUnderTest, problem: Problem, variation: Variation = PLAIN) -> list[Solution]:
    """Return two solutions of the same solve."""
    solve = Solve(problem, usual_resolution(layer), variation=variation)
    return [layer.fresh(solve, layer.cotangents(problem, 1)) for _ in range(2)]


def _differences(first: Solution, second: Solution) -> tuple[float, float]:
    """Return the largest differences of y1 and of the gradients."""
    return float(np.max(np.abs(first.y1 - second.y1))), difference(first.gradients, second.gradients)


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
    """Compare y0, parameters, cotangent, global settings and random states before and after a pass.

    The parameters must stay the same objects, of the same values, dtype and device, and require a gradient
    where they did: also where one of them is frozen.  A layer whose answer is not random may not draw from
    the random generator that all of a program shares, and no layer may seed it: every dropout and every
    shuffling after it would be another one.  `torch.Generator` and `torch.random.fork_rng` serve instead.
    """
    frozen = frozen_parameter(problem)
    others = tuple(group for group in problem.groups if group != group_of(frozen))
    changed = _changed(layer, problem, None)
    outcome = attempt(lambda: _changed(layer, problem, others))
    # A layer that raises where a parameter is frozen is another check's matter.
    thawed = () if isinstance(outcome, Refusal) else tuple(name for name in outcome if name not in changed)
    sentences = [f"Changed by the layer: {', '.join(changed)}."] if changed else []
    sentences += [f"Changed where {frozen} is frozen: {', '.join(thawed)}."] if thawed else []
    measurements = (
        at_most("inputs changed", len(changed), 0),
        at_most(f"inputs changed only where {frozen} is frozen", len(thawed), 0),
    )
    return Evidence(measurements, " ".join(sentences))


def _changed(layer: LayerUnderTest, problem: Problem, wrt: tuple[str, ...] | None) -> tuple[str, ...]:
    solve, cotangents = Solve(problem, usual_resolution(layer), wrt=wrt), layer.cotangents(problem, 1)
    return layer.solution(solve, cotangents, instruments=("changes",)).changed


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
    model; stopping with an error is `unsupported`, silently returning another dtype is not.  Where all is in
    float32 anyway, nothing but the dtype is asked for here.

    A fixed-step layer that computes its number of steps from times and a step size may take another number
    of steps in float32.  Then values that differ are those of two grids, and are not compared: that is a line
    on the identity card, and the grid must still end at t1, which y' = c shows.  An error that a device has
    only where the program allows products in TF32 is named, and the layer is judged without them.
    """
    resolution = layer.resolution(tol=USUAL_TOLERANCE, n_steps=USUAL_STEPS)
    outcome = attempt(lambda: layer.solve(problem, resolution, dtype="float32"))
    if isinstance(outcome, Refusal):
        raise Unsupported(str(outcome))
    changed = outcome.dtype != FLOAT32
    dtype = at_most("changes of dtype", int(changed), 0)
    words = f"y0 is float32, y1 is {outcome.dtype}." if changed else ""
    if layer.narrow:  # it is compared with the exact solution, in float32 as it is
        return Evidence((dtype,), words)
    exact = layer.solve(problem, resolution)
    error = rms(outcome.y1 - exact.y1) / rms(exact.y1)
    widest = max(value.size for value in problem.params.values())
    bound = roundoff(max(1, exact.evaluations) * widest, eps=EPS_FLOAT32)
    if layer.adaptive:
        bound = max(bound, TOLERANCE_FACTOR * resolution)
    same = at_most("float32 against float64", error, bound)
    if not same.holds and not layer.adaptive and outcome.evaluations != exact.evaluations:
        elapsed, diagnosis = _elapsed_in_float32(layer, problem, outcome, exact)
        facts = {"float32": f"{other_steps(outcome, exact)}: values are not compared"}
        bad = int(np.sum(~np.isfinite(outcome.y1)))
        finite = at_most("entries of y1 that are not finite in float32", bad, 0)
        lost = f"{bad} of {outcome.y1.size} entries of y1 are NaN or infinite in float32." if bad else ""
        return Evidence((dtype, finite, elapsed), words or lost or diagnosis, facts=facts)
    if not same.holds and layer.on_device:
        full, facts = _without_tf32(layer, problem, same, exact)
        if full.holds:
            return Evidence((dtype, full), words, facts=facts)
    return Evidence((dtype, same), words or ("" if same.holds else explain_float32(outcome, error, bound)))


def _without_tf32(
    layer: LayerUnderTest, problem: Problem, same: Measurement, exact: Solution
) -> tuple[Measurement, dict[str, str]]:
    """Return the error of float32 where products in TF32 are not allowed, and that of before as a fact."""
    resolution = USUAL_TOLERANCE if layer.adaptive else USUAL_STEPS
    found = attempt(lambda: layer.solve(problem, resolution, dtype="float32", variation=FULL_PRODUCTS))
    if isinstance(found, Refusal):
        return same, {}
    error = rms(found.y1 - exact.y1) / rms(exact.y1)
    facts = {"float32": f"off by {same.value:.2g} with products in TF32, which the program allows"}
    return at_most("float32 without TF32 against float64", error, same.bound), facts


def _elapsed_in_float32(
    layer: LayerUnderTest, problem: Problem, single: Solution, double: Solution
) -> tuple[Measurement, str]:
    """Return the error of the time that a float32 grid of another number of steps covers, and a diagnosis."""
    field = constant.with_interval(problem.t0, problem.t1)
    y1 = layer.solve(field, USUAL_STEPS, dtype="float32").y1.astype(np.float64)
    elapsed = (y1 - field.y0) / field.params["c"]
    errors = np.abs(elapsed - field.duration)
    evaluations = max(single.evaluations, double.evaluations)
    bound = identity_bound(layer, field, evaluations) * EPS_FLOAT32 / EPS
    measurement = at_most("error of the elapsed time in float32", float(np.max(errors)), bound)
    if measurement.holds:
        return measurement, ""
    worst = float(elapsed.flat[np.argmax(errors)])
    return measurement, (
        f"{other_steps(single, double)}, and the layer integrates over {worst:.6g} in place of "
        f"{field.duration:.6g}.  The number of steps is probably computed in the dtype of the state: take "
        f"n_steps, or compute it in float64, and end at t1."
    )


def _ordinary_resolution(layer: LayerUnderTest) -> float:
    return layer.resolution(tol=USUAL_TOLERANCE, n_steps=ORDINARY_STEPS)
