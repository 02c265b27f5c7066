"""The cost of a gradient, and the algorithm that the layer behaves like."""

from __future__ import annotations

import itertools
import math

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest, Refusal, attempt
from nodecheck.measure.cost import seconds_beside_plain_backprop
from nodecheck.measure.memory.footprints import Footprints, footprints
from nodecheck.measure.memory.pass_memory import PassMemory
from nodecheck.measure.own_derivative import own_derivative_distance
from nodecheck.numerics.constants import FASTEST_COST, FEW_STEPS, SHARE_FOR_SECONDS
from nodecheck.numerics.growth import LAWS, cost_exponent
from nodecheck.problems import neural
from nodecheck.results import Evidence, Inconclusive, Metric, at_most


@check(
    title="Cost of the gradient grows like the number of steps",
    failure_title="Cost of the gradient grows faster than the number of steps",
    theme="Memory",
    kind="resource",
    needs="backward-pass",
    profile="ci",
    cite="Griewank & Walther (2008), sec. 4.6: the cheap gradient principle; ch. 12: checkpointing",
)
def gradient_cost(layer: LayerUnderTest) -> Evidence:
    """Count evaluations of the field and vector-Jacobian products, and say what the layer behaves like.

    A gradient costs a small multiple of the forward pass, whatever the algorithm; one that starts from t0
    again for each step costs the square.  Backprop, continuous adjoint, checkpointing and reversible schemes
    are told apart by evidence, not by name: evaluations in the backward pass, growth of memory, order of the
    times, and whether the gradient is that of the layer's own forward pass.  Seconds of the processor beside
    those of a bare loop that backpropagates through as many evaluations are stated, and never judged: they
    are noise in part.
    """
    prints = footprints(layer, live=True)
    middle = (len(prints.n) - 1) // 2  # what is paid once weighs little from here on
    first, last = prints.passes[middle], prints.passes[-1]
    exponent = cost_exponent((prints.n[middle], prints.n[-1]), (_total(first), _total(last)))
    if math.isnan(exponent):
        message = f"nothing is evaluated at {prints.n[middle]:g} {prints.unit}, so there is no cost to grow"
        raise Inconclusive(message)
    measurements = [at_most("exponent of evaluations and products against steps", exponent, FASTEST_COST)]
    facts = {
        "evaluations": f"{_per(prints, 0)} forward, {_per(prints, 1)} backward",
        "vector-Jacobian products": f"{last.products / prints.n[-1]:.3g} per {prints.unit[:-1]}",
        **_seconds(layer),
        "behaves like": behaviour(prints, discrete=_is_discrete(layer)),
    }
    diagnosis = ""
    if not all(m.holds for m in measurements):
        diagnosis = (
            f"From {prints.n[middle]:g} to {prints.n[-1]:g} {prints.unit} the cost rises from "
            f"{_total(first)} to {_total(last)}: the backward pass probably begins again from t0 for each "
            f"step."
        )
    return Evidence(tuple(measurements), diagnosis, facts=facts, metrics=_metrics(prints))


def _seconds(layer: LayerUnderTest) -> dict[str, str]:
    """Return the seconds as a fact; none where the layer takes too many, or too much memory, or fails.

    The state is wider than anywhere else only so that seconds mean something: that is nothing to judge by.
    """
    budget = layer.profile.seconds * SHARE_FOR_SECONDS
    found = attempt(lambda: seconds_beside_plain_backprop(layer, budget))
    return {} if found is None or isinstance(found, Refusal) else {"seconds": str(found)}


def _metrics(prints: Footprints) -> tuple[Metric, ...]:
    """Return the cost at the end of the ladder, by which a later run is compared."""
    last = prints.passes[-1]
    names = ("evaluations forward", "evaluations backward", "vector-Jacobian products")
    counts = zip(names, (*last.evaluations, last.products), strict=True)
    return tuple(
        Metric(f"{name}, {prints.n[-1]:g} {prints.unit}", float(count), "evaluations")
        for name, count in counts
    )


def _total(one: PassMemory) -> int:
    return sum(one.evaluations) + one.products


def _per(prints: Footprints, phase: int) -> str:
    count = prints.passes[-1].evaluations[phase]
    return f"{count} ({count / prints.n[-1]:.3g} per {prints.unit[:-1]})"


def _is_discrete(layer: LayerUnderTest) -> bool | None:
    """Return True if the gradient is that of the layer's own forward pass; None if that is not known.

    Finite differences of an adaptive layer are biased, so there it is not known.
    """
    if layer.adaptive:
        return None
    distance = attempt(lambda: own_derivative_distance(layer, layer.counterpart(neural), FEW_STEPS))
    return None if isinstance(distance, Refusal) else distance.at_rounding


def behaviour(prints: Footprints, *, discrete: bool | None) -> str:
    """Return the algorithm that the evidence points to."""
    assert prints.peak is not None
    assert prints.between is not None
    peak, between = prints.fit(prints.peak), prints.fit(prints.between)
    if not prints.passes[-1].evaluations[1]:
        return "backprop"
    descending = mostly_falls(prints.passes[-1].backward_times)
    if discrete is False or (discrete is None and descending and not between.may_exceed("constant")):
        kept = between.decided and LAWS.index(between.law) > 0
        return "continuous adjoint, over a stored trajectory" if kept else "continuous adjoint"
    if not peak.may_exceed("constant"):
        return "reversible" if discrete else "continuous adjoint or reversible"
    return "checkpointing"


def mostly_falls(times: tuple[float, ...]) -> bool:
    """Return True if the times of the backward pass run from t1 to t0, up to the stages within one step.

    Checkpointing runs forward within each segment: there about as many times rise as the segment has.
    """
    rises = sum(after > before for before, after in itertools.pairwise(times))
    falls = sum(after < before for before, after in itertools.pairwise(times))
    return rises < falls
