"""The log-determinant against that of the exact flow."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.diagnosis.log_det.value import explain_value
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.log_det import posed_for, with_its_noise
from nodecheck.measure.log_det_orders import log_det_orders
from nodecheck.measure.reverse_time import require_reverse_time
from nodecheck.measure.scope import WITH_LOG_DET
from nodecheck.problems import Problem, neural_log_det
from nodecheck.reference import Feature
from nodecheck.results import Evidence


@check(
    title="Log-determinant converges at the layer's order",
    failure_title="Log-determinant does not converge at the layer's order",
    theme="Forward",
    kind="order",
    requires=frozenset({"log-det"}),
    problems=(neural_log_det,),
    more=(("smoke", neural_log_det.reversed()),),
    features=frozenset({Feature.STATE_DEPENDENT, Feature.NONLINEAR, Feature.TIME_DEPENDENT}),
    cite="Chen et al. (2018), theorem 1: d log p / dt = −tr ∂f/∂y; Grathwohl et al. (2019), sec. 3.1",
)
def log_determinant(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compare l with log |det ∂y1/∂y0| of the exact flow, over a ladder of steps or of tolerances.

    l is the integral of the divergence along the trajectory, and so a further component of the state: its
    error has the order of the layer.  Our own solver of the order integrates the closed form of the
    divergence on the same ladder first.

    Of an estimate by random noise, one noise is kept by its seed.  The weights that it gives to the entries
    of the Jacobian are read off on linear fields, and l is compared with the integral that has these weights.

    In one problem time runs backwards.  A layer that refuses that with an error is `unsupported` there.

    Usual causes: those of `constant-divergence`; besides, a divergence that is taken at the wrong time or
    state, as at the start of a step for all its stages; noise that is drawn anew in each evaluation; a sign
    that is taken from t1 − t0 twice.  Remedy: let the solver integrate (y, l) as one state.
    """
    if problem.duration < 0:
        require_reverse_time(layer, problem)
    problem = with_its_noise(layer, posed_for(layer, problem))
    measurements = log_det_orders(layer, problem)
    wrong = any(not m.holds for m in measurements)
    resolution = layer.tolerances()[-1] if layer.adaptive else layer.ladder()[-1]
    diagnosis = explain_value(layer, problem, resolution) if wrong else ""
    return Evidence(measurements, diagnosis, facts=WITH_LOG_DET)
