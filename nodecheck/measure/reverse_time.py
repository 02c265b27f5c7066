"""What a layer must do before it is judged on a problem whose time runs from the later to the earlier end."""

from __future__ import annotations

from nodecheck.layers import LayerUnderTest, Refusal, RunawayError, Solve, attempt
from nodecheck.measure.runaway import limit_beside_neural
from nodecheck.numerics.constants import RUNAWAY_FACTOR
from nodecheck.problems import Problem
from nodecheck.results import Unsupported


def require_reverse_time(layer: LayerUnderTest, problem: Problem, *, with_gradient: bool = False) -> None:
    """Raise `Unsupported` if a layer refuses t1 < t0, or goes on long after it would have been done.

    The direction of time changes nothing about the cost of a step, and little about the convergence of an
    iteration in it; one that does not converge is stopped, long before memory is full.
    """
    resolution = layer.resolution(tol=layer.tolerances()[0], n_steps=layer.ladder()[0])
    limit = limit_beside_neural(layer, resolution, with_gradient=with_gradient)
    solve = Solve(problem, resolution, limit=limit)
    cotangents = layer.cotangents(problem, 1) if with_gradient else ()
    outcome = attempt(lambda: layer.fresh(solve, cotangents))
    if not isinstance(outcome, Refusal):
        return
    if isinstance(outcome.error, RunawayError):
        message = f"{outcome.error}, {RUNAWAY_FACTOR} times what a pass forwards in time takes"
        raise Unsupported(message)
    raise Unsupported(str(outcome))
