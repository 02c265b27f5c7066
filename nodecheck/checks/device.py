"""What is asked of a layer on a device only: places of tensors, waits of the host, streams, autocast."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import Call, LayerUnderTest, Refusal, Solution, Solve, attempt
from nodecheck.numerics import TOLERANCE_FACTOR
from nodecheck.numerics.constants import (
    AUTOCAST_ROUNDINGS,
    COMPARED_SWEEP,
    ORDINARY_STEPS,
    USUAL_STEPS,
    USUAL_TOLERANCE,
    WAITS_PER_STEP,
)
from nodecheck.numerics.errors import relative_error
from nodecheck.numerics.formats import UNIT_ROUNDOFF
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Inconclusive, Measurement, Skip, at_most
from nodecheck.results.phrases import plural, verb
from nodecheck.variations.comparison import usual_resolution
from nodecheck.variations.device import AUTOCAST, DEVICE_USES
from nodecheck.variations.same_answer import same_answer


@check(
    title="State and output stay on their device",
    failure_title="State or output leaves its device",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    needs="backward-pass",
    requires=frozenset({"device"}),
    cite="PyTorch documentation, CUDA semantics: operations and their results stay on the device",
)
def device_placement(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Follow the state: y1 must be on the device of y0, and so must every y that the dynamics is given.

    Torch is content with a layer that takes the state to the CPU and back, and autograd follows it: the
    numbers are right, and each step costs two copies for which everything waits.  A gradient is always where
    its leaf is, so of gradients only the way there can be wrong, which the calls in the backward pass show.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    solution = layer.solution(Solve(problem, usual_resolution(layer)), (cotangent,))
    return placed(solution, layer.device)


def placed(solution: Solution, device: str) -> Evidence:
    """Return how much of a solution is on another kind of device."""
    backward = [call for pullback in solution.pullbacks for call in pullback.calls]
    forward = _elsewhere(solution.calls, device)
    behind = _elsewhere(backward, device)
    output = 0 if _kind(solution.device) == _kind(device) else 1
    sentences = [f"y0 is on {device}, y1 on {solution.device}."] if output else []
    if forward or behind:
        where = sorted({call.device for call in (*solution.calls, *backward)} - {device})
        count = plural(forward + behind, "evaluation")
        sentences.append(
            f"{count} of the field {verb(forward + behind, 'is', 'are')} asked for on {', '.join(where)}: "
            f"the state is taken there and back. Make tensors with device=y0.device, and leave out `.cpu()`."
        )
    measurements = (
        at_most("outputs on another device", output, 0),
        at_most("evaluations on another device, forward", forward, 0),
        at_most("evaluations on another device, backward", behind, 0),
    )
    return Evidence(measurements, " ".join(sentences))


def _elsewhere(calls: Iterable[Call], device: str) -> int:
    return sum(_kind(call.device) != _kind(device) for call in calls)


def _kind(device: str) -> str:
    return device.partition(":")[0]


@check(
    title="Host does not wait for the device in each step",
    failure_title="Host waits for the device several times in each step",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    requires=frozenset({"device"}),
    cite="PyTorch documentation, torch.cuda.set_sync_debug_mode; CUDA semantics, asynchronous execution",
)
def device_waits(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Count how often the host waits for the device, with n and with 2n steps: the difference is of n steps.

    `.item()`, `bool(tensor)` and a copy from the CPU make Python wait until the device has done all that was
    asked of it, and then the device waits for Python.  On small states that is most of the time.  One wait in
    a step is allowed: whoever stores states at requested times compares times.  Waits at the start and at the
    end do not count.  What is read to control a step size or an iteration has to be read: of such layers the
    number is told, and not judged.
    """
    (coarse, few), (fine, many) = (
        _waits(layer, problem, resolution) for resolution in usual_pair(adaptive=layer.adaptive)
    )
    more = many - few
    if more <= 0:
        message = "a finer resolution asks for no more evaluations, so there is nothing to divide waits by"
        raise Inconclusive(message)
    if layer.adaptive or more % ORDINARY_STEPS:
        told = (f"{(b - a) / more:.3g} {phase}" for a, b, phase in zip(coarse, fine, _PHASES, strict=True))
        message = (
            f"a controller or an iteration reads what it computes: {', '.join(told)} for each evaluation"
        )
        raise Skip(message)
    return waited(coarse, fine, ORDINARY_STEPS)


_Pair = tuple[int, int]
_PHASES = ("forward", "backward")


def usual_pair(*, adaptive: bool) -> tuple[float, float]:
    """Return a resolution and a finer one, which has twice as many steps where steps are given."""
    if adaptive:
        return COMPARED_SWEEP[0], COMPARED_SWEEP[-1]
    return ORDINARY_STEPS, 2 * ORDINARY_STEPS


def _waits(layer: LayerUnderTest, problem: Problem, resolution: float) -> tuple[_Pair, int]:
    """Return the waits of the forward and of the backward pass, and the evaluations of the forward pass."""
    (cotangent,) = layer.cotangents(problem, 1)
    solution = layer.fresh(Solve(problem, resolution), (cotangent,), instruments=("waits",))
    assert solution.readings is not None
    assert solution.readings.waits is not None
    return solution.readings.waits, solution.evaluations


def waited(coarse: _Pair, fine: _Pair, steps: int) -> Evidence:
    """Return the waits in each of the steps that the finer grid has more, forward and backward."""
    measurements = tuple(
        at_most(f"waits in each step, {phase}", (after - before) / steps, WAITS_PER_STEP)
        for before, after, phase in zip(coarse, fine, _PHASES, strict=True)
    )
    forward, backward = (m.value for m in measurements)
    facts = {"waits for the device": f"{forward:.3g} forward and {backward:.3g} backward in each step"}
    diagnosis = ""
    if not all(m.holds for m in measurements):
        diagnosis = (
            f"Python waits for the device {max(forward, backward):.3g} times in each step: look for "
            f"`.item()`, `float(...)`, `bool(...)`, `if` and `while` on tensors, and for "
            f"`torch.tensor(..., device=...)` and `.cpu()` in the loop."
        )
    return Evidence(measurements, diagnosis, facts=facts)


@check(
    title="Other streams and settings of the device give the same answer",
    failure_title="Other streams or settings of the device give another answer",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    requires=frozenset({"device"}),
    cite="PyTorch documentation, CUDA semantics: streams, and CUDA graphs; Reproducibility",
)
def device_uses(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Use the layer as programs on a device do: y1 and the gradients must be those of the plain use.

    In a stream that is not the default one y0 arrives late: a layer that works in a stream of its own choice
    computes with what was there before.  Further uses are deterministic algorithms, a default device that is
    not that of the state, a second device where there is one, and a graph that is captured once and replayed
    with another y0.  All but the stream and the second device may be refused with an error: that is a line
    on the identity card.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    return same_answer(layer, problem, DEVICE_USES, cotangent)


@check(
    title="Autocast gives the same answer to its precision",
    failure_title="Autocast gives another answer",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    requires=frozenset({"device"}),
    cite="PyTorch documentation, Automatic mixed precision: the backward pass follows outside of autocast",
)
def device_autocast(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Run the forward pass of a float32 state under autocast, in float16 and in bfloat16.

    The answer must be that in float32 to the precision of the products.  Each evaluation rounds as often as
    any, and errors are weighted by the steps, which add up to the interval: more steps round no more.  A
    value of the field in half precision that is converted on the way may be cut off from its parameters:
    then gradients are lost.  A layer may refuse autocast with an error.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    resolution = USUAL_TOLERANCE if layer.adaptive else USUAL_STEPS
    plain = attempt(lambda: layer.solution(Solve(problem, resolution, dtype="float32"), (cotangent,)))
    if isinstance(plain, Refusal):
        message = f"the layer does not run in float32: {plain}"
        raise Inconclusive(message)
    found, refused = [], []
    for variation, name in AUTOCAST:
        solve = Solve(problem, resolution, variation=variation, dtype="float32")
        other = attempt(lambda solve=solve: layer.fresh(solve, (cotangent,)))  # type: ignore[misc]
        if isinstance(other, Refusal):
            refused.append(variation.when)
        else:
            bound = AUTOCAST_ROUNDINGS * UNIT_ROUNDOFF[name]
            if layer.adaptive:
                bound = max(bound, TOLERANCE_FACTOR * resolution)
            found += autocast_errors(other, plain, bound, variation.when)
    facts = {"cannot be used": ", ".join(refused)} if refused else {}
    if not found:
        message = "the layer refuses autocast in float16 and in bfloat16"
        raise Inconclusive(message)
    wrong = [m.name for m in found if not m.holds]
    return Evidence(tuple(found), f"Too large: {', '.join(wrong)}." if wrong else "", facts=facts)


def autocast_errors(found: Solution, exact: Solution, bound: float, when: str) -> list[Measurement]:
    """Return the errors of y1 and of the gradients under autocast; one that is lost is one of size one."""
    pairs = {"y1": (found.y1, exact.y1)}
    for name, value in exact.gradients.items():
        if value is not None:
            other = found.gradients.get(name)
            pairs[f"∂L/∂{name}"] = (np.zeros_like(value) if other is None else other, value)
    return [
        at_most(f"error of {name} {when}", relative_error(one, other), bound)
        for name, (one, other) in pairs.items()
    ]
