"""The self-test of an adapter: a wrong `build` must never be reported as a wrong layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.adapter.arguments import explain_interval, explain_resolution, on_constant_field
from nodecheck.diagnosis.adapter.errors import explain_trial
from nodecheck.layers import Array, LayerUnderTest, Refusal, Solution, Solve, attempt
from nodecheck.measure.identities import identity_bound
from nodecheck.numerics.constants import ADAPTER_STEPS, ADAPTER_TOLERANCES, FEWER_ADAPTER_STEPS
from nodecheck.problems import Problem, constant, neural
from nodecheck.results import Evidence, Inconclusive, at_least, at_most
from nodecheck.results.phrases import plural
from nodecheck.variations.shapes import refusal_of_odd


@check(
    title="Layer can be reached through its adapter",
    failure_title="Layer cannot be reached through its adapter",
    theme="Contract",
    kind="contract",
    problems=(neural,),
    needs="",
    cite="the contract of TorchLayer: build(dynamics, t0, t1, n_steps or tol) -> y0 -> y1",
)
def adapter(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Look for mistakes in the lines between nodecheck and the layer before anything is said about the layer.

    The `build` of a `TorchLayer` is code, too.  It may hand over f(t, y) where the layer calls f(y, t),
    return a trajectory, a tuple or the first state, give n_steps to a layer that takes a step size, or forget
    t0 and t1.  Every other check would then fail and say nothing about the layer; so they are skipped, and
    the diagnosis is the line that mends `build`, mostly with a helper from `nodecheck.adapt`.

    Only what separates the two counts: how the dynamics is called, what comes back, which times are looked
    at.  A layer that goes a step too far, has a sign wrong, starts at zero or raises an error of its own is
    judged by the checks that follow.  A resolution that changes nothing is no mistake either: it is noted,
    and the layer is judged by everything that needs one resolution only.

    A failure reads: `build` returns a tensor of shape (17, 4, 3) for y0 of shape (4, 3). Axis 0 of y, of size
    17, is time (its first entry is y0): return adapt.last(y, time_axis=0) for y.
    """
    resolution = layer.resolution(tol=ADAPTER_TOLERANCES[0], n_steps=ADAPTER_STEPS)
    outcome = attempt(lambda: layer.solve(problem, resolution))
    if isinstance(outcome, Refusal):
        mistake = explain_trial(layer, problem, resolution)
        if not mistake:
            odd = refusal_of_odd(layer, problem, resolution, outcome)
            raise Inconclusive(odd or f"the layer itself raises {outcome}")
        return _evidence(layer, mistake)
    looks: tuple[Callable[[], str], ...] = (
        lambda: _explain_state(layer, problem, outcome),
        lambda: explain_resolution(layer, problem),
        lambda: explain_interval(layer),
        lambda: _explain_arrangement(layer),
    )
    mistake = next(filter(None, (look() for look in looks)), "")
    evidence = _evidence(layer, mistake)
    if outcome.calls or mistake:  # otherwise the layer works on a copy, whose calls are not seen
        evaluations = at_least("evaluations of the dynamics", outcome.evaluations, 1, "calls")
        evidence = replace(evidence, measurements=(*evidence.measurements, evaluations))
    return evidence if mistake else replace(evidence, facts=_facts(layer, problem, outcome))


def _evidence(layer: LayerUnderTest, mistake: str) -> Evidence:
    diagnosis = f"In the adapter of {layer.name!r}: {mistake}" if mistake else ""
    return Evidence((at_most("mistakes in build", bool(mistake), 0),), diagnosis)


def _explain_state(layer: LayerUnderTest, problem: Problem, run: Solution) -> str:
    """Return why the state that came back is not one that an integration has led to."""
    if np.dtype(run.dtype).kind != "f":
        return f"`build` returns a tensor of {run.dtype} for y0 of {layer.dtype}; return the state at t1."
    unchanged = np.array_equal(run.y1, problem.y0)
    if unchanged and run.calls and layer.claims.output_times:
        return (
            "The last of the states that `build` returns is y0 as it was, although the dynamics is evaluated "
            f"{plural(run.evaluations, 'time')}: return one state for each time in ts, in the order of ts."
        )
    if unchanged and run.calls:
        return (
            f"`build` returns y0 as it was, although the dynamics is evaluated "
            f"{plural(run.evaluations, 'time')}: return the last state of the trajectory, "
            f"adapt.last(y, time_axis=...), not the first (if `build` does, the layer returns what it was "
            f"given)."
        )
    if unchanged:
        return "`build` returns y0 as it was, and the dynamics is never evaluated: pass it to the layer."
    if not run.calls and _same_without_the_dynamics(layer, problem):
        return "The dynamics is never evaluated: the layer integrates something else. Pass it to the layer."
    return ""


def _same_without_the_dynamics(layer: LayerUnderTest, problem: Problem) -> bool:
    """Return True if other parameters leave y1 as it is: then the dynamics is not used at all."""
    other = problem.replace(params={name: value / 2 for name, value in problem.params.items()})
    resolution = layer.resolution(tol=ADAPTER_TOLERANCES[0], n_steps=ADAPTER_STEPS)

    def final_state(p: Problem) -> Array:
        with layer.backend.isolated(
            layer.seed
        ):  # a network that `build` makes itself has the same weights then
            return layer.fresh(Solve(p, resolution)).y1

    return attempt(lambda: np.array_equal(final_state(problem), final_state(other))) is True


def _explain_arrangement(layer: LayerUnderTest) -> str:
    """Return a sentence if the right numbers come back in the wrong places; else ""."""
    run = on_constant_field(layer)
    if run is None:
        return ""
    mixed = (constant.y0 + constant.duration * constant.params["c"]).T.reshape(constant.y0.shape)
    if not np.max(np.abs(run.y1 - mixed)) <= identity_bound(layer, constant, ADAPTER_STEPS):
        return ""
    return (
        "`build` returns the entries of the final state in another order: a state of shape (d, B) is "
        "reshaped to (B, d). Transpose it, y.mT for y."
    )


def _facts(layer: LayerUnderTest, problem: Problem, run: Solution) -> dict[str, str]:
    """Return unusual properties of the layer that are no mistakes."""
    facts = {}
    if run.dtype != layer.dtype:
        facts["dtype of y1"] = f"{run.dtype}, although y0 is {layer.dtype}"
    resolutions = layer.resolution(tol=ADAPTER_TOLERANCES, n_steps=(FEWER_ADAPTER_STEPS, ADAPTER_STEPS))

    def all_the_same() -> bool:
        again = (layer.solve(problem, resolution) for resolution in resolutions)
        return all(r.evaluations == run.evaluations and np.array_equal(r.y1, run.y1) for r in again)

    if attempt(all_the_same) is True:
        tried = ", ".join(f"{resolution:g}" for resolution in resolutions)
        facts["resolution"] = f"cannot be changed: {layer.claims.resolution} = {tried} give the same"
    return facts
