"""Changes of a right gradient as a whole: a clipped cotangent, a scaled Jacobian, weight decay.

Each of these takes one number from the observation, and predicts all others from it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import AdjointSolver, make_adjoint_solver
from nodecheck.diagnosis.gradient.adjoints import with_scaled_field, with_scaled_jacobian
from nodecheck.diagnosis.gradient.match import Candidate
from nodecheck.diagnosis.gradient.matcher import Matcher
from nodecheck.diagnosis.gradient.observation import (
    Gradients,
    Jacobians,
    Observation,
    exact_jacobians,
    map_levels,
    pull_back,
    pull_back_levels,
)
from nodecheck.numerics.constants import (
    FACTOR_DIFFERENCE,
    FACTOR_NEWTON_STEPS,
    FEWEST_CHANGED_ENTRIES,
    LARGEST_JACOBIAN_FACTOR,
)
from nodecheck.problems import Float64


def clipped_cotangent(matcher: Matcher) -> list[Candidate]:
    """Return the candidate that the cotangent is clipped: right gradients for a wrong cotangent."""
    jacobians = exact_jacobians(matcher.fine.problem)
    limit = _clipping_limit(matcher, jacobians)
    if limit is None:
        return []

    def clipped(observation: Observation) -> Gradients:
        return pull_back(jacobians, np.clip(observation.rows(), -limit, limit))

    phrase = f"match the gradient for a cotangent clipped to [-{limit:.3g}, {limit:.3g}]"
    levels = clipped(matcher.fine), clipped(matcher.coarse) if matcher.coarse else None
    return [Candidate(phrase, levels, 1)]


def _clipping_limit(matcher: Matcher, jacobians: Jacobians) -> float | None:
    """Return the limit that brings the gradients of clipped cotangents nearest, by least squares.

    Between two successive sizes of entries the gradients are linear in the limit, so each such interval has
    one least-squares solution.
    """
    rows = matcher.fine.rows()
    sizes = np.unique(np.abs(rows))
    observed = _flat(matcher, matcher.observed[0])
    best: tuple[float, float] | None = None
    for lower, upper in zip(np.append(0.0, sizes[:-1]), sizes, strict=True):
        kept = np.abs(rows) <= lower
        rest = observed - _flat(matcher, pull_back(jacobians, np.where(kept, rows, 0.0)))
        slope = _flat(matcher, pull_back(jacobians, np.where(kept, 0.0, np.sign(rows))))
        limit = float(slope @ rest) / (float(slope @ slope) or 1.0)
        residual = float(np.linalg.norm(rest - limit * slope))
        if lower < limit < upper and (best is None or residual < best[0]):
            best = residual, limit
    return None if best is None else best[1]


def scaled_jacobians(matcher: Matcher) -> list[Candidate]:
    """Return the candidates that the adjoint is driven by a multiple of Jᵀ, or of Jᵀ and ∂f/∂θ.

    A state that is detached in part takes its share of J out of the adjoint; weights that do not add up to
    one do so too.  A stage that is detached takes its weight out of both, as far as the step is small.
    """
    solver = make_adjoint_solver(matcher.fine.problem)
    found = _multiple(matcher, with_scaled_jacobian, "match an adjoint driven by {:.4g} times Jᵀ")
    if solver.problem.params and solver.jacobians.state.any():  # else it is the former, or a mere factor
        # Two digits: the factor is off by as much as the step is large.
        words = (
            "match an adjoint that sees {:.2f} times the field, as if stages of weight {:.2f} were detached"
        )
        found += _multiple(matcher, with_scaled_field, words)
    return found


def _multiple(
    matcher: Matcher, solve: Callable[[AdjointSolver, float], Jacobians], phrase: str
) -> list[Candidate]:
    """Return the candidate of the factor that fits best, by Newton's method; none if the factor runs away."""
    solver, rows, factor = make_adjoint_solver(matcher.fine.problem), matcher.fine.rows(), 1.0
    observed = _flat(matcher, matcher.observed[0])

    def predicted(factor: float) -> Float64:
        return _flat(matcher, pull_back(solve(solver, factor), rows))

    for _ in range(FACTOR_NEWTON_STEPS):
        here = predicted(factor)
        slope = (predicted(factor + FACTOR_DIFFERENCE) - here) / FACTOR_DIFFERENCE
        factor += float(slope @ (observed - here)) / (float(slope @ slope) or 1.0)
        if not abs(factor) < LARGEST_JACOBIAN_FACTOR:
            return []
    levels = pull_back_levels(solve(solver, factor), matcher.fine, matcher.coarse)
    return [Candidate(phrase.format(factor, 1.0 - factor), levels, 1)]


def _flat(matcher: Matcher, gradients: Gradients) -> Float64:
    """Return the gradients of all groups that can be compared as one vector, each in units of its size."""
    return np.concatenate([(gradients[name] / matcher.scales[name]).ravel() for name in matcher.groups])


def weight_decay(matcher: Matcher) -> list[Candidate]:
    """Return the candidate that a multiple of the parameters themselves is added to their gradients."""
    names = [name for name in matcher.groups if name != "y0"]
    values = {name: matcher.fine.problem.groups[name].ravel() for name in names}
    excess = {name: (matcher.observed[0][name] - matcher.exact[0][name]).mean(axis=0) for name in names}
    below = sum(float(v @ v) for v in values.values())
    if sum(v.size for v in values.values()) < FEWEST_CHANGED_ENTRIES or below == 0.0:
        return []
    rate = sum(float(values[name] @ excess[name]) for name in names) / below

    def decayed(exact: Gradients) -> Gradients:
        return {name: rows + rate * values[name] if name in values else rows for name, rows in exact.items()}

    phrase = f"be {rate:.3g} times the parameters too large, whatever the cotangent (weight decay)"
    return [Candidate(phrase, map_levels(decayed, matcher.exact), 1)]
