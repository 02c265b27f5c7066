"""Fields of constant divergence, on which the log-determinant of every method is exact."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.diagnosis.log_det.value import explain_average, explain_noise, explain_value
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.log_det import (
    average,
    is_random,
    log_det,
    own_log_det,
    posed_for,
    rounding,
    weights_of_value,
)
from nodecheck.numerics.constants import (
    BATCH_STEPS,
    CLEAR_WEIGHT,
    IDENTITY_TOLERANCE,
    NOISE_STANDARD_ERRORS,
)
from nodecheck.problems import Problem, constant_log_det, linear_log_det
from nodecheck.reference import sensitivity
from nodecheck.results import Evidence, Measurement, at_most


@check(
    title="Log-determinant is exact where the divergence is constant",
    failure_title="Log-determinant is wrong where the divergence is constant",
    theme="Forward",
    kind="identity",
    requires=frozenset({"log-det"}),
    problems=(linear_log_det,),
    more=(("smoke", constant_log_det),),
    cite="Chen et al. (2018), theorem 1; Hutchinson (1990): estimates of a trace by random signs",
)
def constant_divergence(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve y' = A y + b, of which every method integrates the divergence exactly: l = tr(A) (t1 − t0).

    On y' = c it is zero.  A layer that returns log |det ∂y1/∂y0| of its own steps instead is right, too.

    An estimate by random noise differs from seed to seed, and is recognised by that.  Its mean over many
    seeds is held to tr(A) (t1 − t0) within its standard error, for this A and for its diagonal, where random
    signs are exact.  For one seed, l must not depend on the number of steps: a noise that is drawn anew in
    each evaluation makes the solver integrate noise, and no refinement gets rid of it.

    Usual causes: the sign, as log p(y1) = log p(y0) − l is taken for l; a mean over components in place of
    their sum; `f.sum()` differentiated once, which adds up columns of the Jacobian, not its diagonal; l that
    does not start at zero.  Remedies: for the exact trace, one `torch.autograd.grad(f[:, i].sum(), y,
    create_graph=True)` for each component i, and its entry i; for an estimate, draw the noise once before
    the solve, as `torch.randn_like(y0)`, and use it in all evaluations.
    """
    problem = posed_for(layer, problem)
    resolution = layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=BATCH_STEPS)
    if "A" in problem.params and is_random(layer):
        return _of_estimate(layer, problem)
    exact, found = sensitivity(problem).y1[..., -1], log_det(layer, problem, resolution)
    error, bound = float(np.max(np.abs(found - exact))), rounding(layer, problem, BATCH_STEPS)
    measurement = at_most("error of l", error, bound)
    if not measurement.holds and not layer.adaptive and not problem.ts:
        own = own_log_det(layer, problem, resolution)
        of_steps = at_most(
            "difference of l to log |det ∂y1/∂y0| of the steps", float(np.max(np.abs(found - own))), bound
        )
        measurement = of_steps if of_steps.holds else measurement
    diagnosis = "" if measurement.holds else explain_value(layer, problem, resolution)
    return Evidence((measurement,), diagnosis)


def _of_estimate(layer: LayerUnderTest, problem: Problem) -> Evidence:
    diagonal = np.diag(np.diag(problem.params["A"]))
    others = problem.replace(name=f"{problem.name}_diagonal", params={**problem.params, "A": diagonal})
    measurements = (
        _mean("error of the mean of l", layer, problem),
        _mean("error of the mean of l, A diagonal", layer, others),
        _kept(layer),
    )
    spread = f"random, ±{average(layer, problem).error:.2g} for the mean over seeds and members"
    diagnosis = ""
    if not measurements[-1].holds:
        diagnosis = explain_noise(layer)
    elif not all(m.holds for m in measurements):
        diagnosis = explain_average(layer, problem)
    return Evidence(measurements, diagnosis, facts={"log-determinant": spread})


def _mean(name: str, layer: LayerUnderTest, problem: Problem) -> Measurement:
    found = average(layer, problem)
    bound = NOISE_STANDARD_ERRORS * found.error + rounding(layer, problem, BATCH_STEPS)
    return at_most(name, abs(found.mean - found.exact), bound)


def _kept(layer: LayerUnderTest) -> Measurement:
    """Return the change of the weights of the Jacobian's entries with the resolution, for one seed."""
    few, many = weights_of_value(layer), weights_of_value(layer, another=True)
    return at_most("change of one estimate with the steps", float(np.max(np.abs(many - few))), CLEAR_WEIGHT)
