"""The same equation in other units of time and state."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.diagnosis.forward.limited import explain_limits_of_state
from nodecheck.layers import Array, LayerUnderTest, Refusal, attempt
from nodecheck.results import Evidence
from nodecheck.variations.comparison import judge_same, plain_solution
from nodecheck.variations.units import USUAL_UNITS, Units, judge_late_in_float32, units_for, usual_units


@check(
    title="Other units give the same answer",
    failure_title="Other units give another answer",
    theme="Forward",
    kind="identity",
    needs="backward-pass",
    profile="ci",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: Runge-Kutta methods and changes of variables",
)
def other_units(layer: LayerUnderTest) -> Evidence:
    """Solve f(t - s, y) from t0 + s to t1 + s: before zero, across zero, and late; nothing else may change.

    Times that are clamped, taken by their absolute value, or kept in lower precision give another answer,
    forward or backward.  Times that are kept in float32 beside a float32 state show where t0 is a million:
    the solution of a field without time may not depend on it.  A layer may refuse late times with an error.

    A fixed-step layer has to be indifferent to units, too: f(t/8, y)/8 on an interval eight times as long,
    and 1024 f(t, y/1024) for a state 1024 times as large, are the same equation.  Powers of two scale
    exactly, and half of the digits are enough, for layers that take derivatives by differences; clamped
    steps, clipped states and thresholds do not scale.

    Not so where the number of evaluations follows a tolerance, of the step or of an iteration: such layers
    are asked for shifts alone, adaptive ones to their tolerance.  Where the state is (q, v), velocities are
    in units of state over time.
    """
    (cotangent,) = layer.cotangents(usual_units(layer), 1)
    units = units_for(layer)
    refused = [one for one in units if one.is_late and _raises(layer, one, cotangent)]
    found = [
        judge_same(one.when, layer, one.problem(layer), cotangent, one.expected(layer), one.roundings)
        for one in units
        if one not in refused
    ]
    measurements, sentences = zip(*found, strict=True)
    wrong = " ".join(filter(None, sentences))
    if wrong:
        wrong += f" Compared with the interval {[USUAL_UNITS.t0, USUAL_UNITS.t1]}. "
        wrong += explain_limits_of_state(layer)
    late, sentence, refused_in_float32 = judge_late_in_float32(layer)
    cannot = "; ".join(filter(None, (*(one.when for one in refused), refused_in_float32)))
    facts = {"cannot be used": cannot} if cannot else {}
    return Evidence((*measurements, *late), f"{wrong.strip()} {sentence}".strip(), facts=facts)


def _raises(layer: LayerUnderTest, one: Units, cotangent: Array) -> bool:
    return isinstance(attempt(lambda: plain_solution(layer, one.problem(layer), cotangent)), Refusal)
