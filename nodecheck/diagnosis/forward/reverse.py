"""Why a forward pass is wrong where time runs backwards: another end, another sign, other times."""

from __future__ import annotations

from typing import Any

from nodecheck.diagnosis.forward.explanations import explain_outside
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics import relative_error
from nodecheck.numerics.constants import BELIEVED_IF_NEARER_BY
from nodecheck.problems import Problem
from nodecheck.reference import ReferenceFailure, solution


def explain_reverse(layer: LayerUnderTest, problem: Problem, n_steps: int) -> str:
    """Return the mistake that y1, or the times told to the field, show on an interval with t1 < t0."""
    y1 = layer.solve(problem, n_steps).y1
    error = relative_error(y1, solution(problem))
    for words, other in _other_problems(problem).items():
        found = _error(y1, other)
        if found * BELIEVED_IF_NEARER_BY <= error:
            return f"y1 is that of {words}, to {found:.1g}: the step has lost its sign, as by abs(t1 - t0)."
    outside = explain_outside(layer, problem, n_steps)
    return f"{outside[0].upper()}{outside[1:]}." if outside else ""


def _other_problems(problem: Problem) -> dict[str, Problem]:
    """Return the problems that a step without its sign solves, with right times or with times that go on."""
    mirrored = problem.with_interval(problem.t0, problem.t0 - problem.duration)

    def negative(t: Any, y: Any, /, **params: Any) -> Any:
        return -problem.vector_field(t, y, **params)

    return {
        f"2*t0 - t1 = {mirrored.t1:g} in place of t1 = {problem.t1:g}": mirrored,
        "y' = -f(t, y)": problem.replace(vector_field=negative, exact_flow=None),
    }


def _error(y1: Any, other: Problem) -> float:
    """Return the relative distance to the solution of another problem; infinite if that escapes."""
    try:
        return relative_error(y1, solution(other))
    except ReferenceFailure:
        return float("inf")
