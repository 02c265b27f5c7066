"""Search for a constant field that a layer does not integrate exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.identities import identity_bound
from nodecheck.measure.search import dyadic, dyadics, falsify
from nodecheck.numerics.constants import (
    DRAWN_COMPONENTS,
    DRAWN_DURATION,
    DRAWN_MEMBERS,
    DRAWN_START,
    DRAWN_STEPS,
    IDENTITY_TOLERANCE,
)
from nodecheck.problems import Problem, constant
from nodecheck.results import Measurement, at_most

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class ConstantField:
    """A drawn problem y' = c and how to solve it."""

    c: tuple[float, ...]
    y0: tuple[tuple[float, ...], ...]
    t0: float
    duration: float
    n_steps: int

    def problem(self, field: Problem) -> Problem:
        """Return it as a problem with the field of another one, whose name it adds to."""
        return field.replace(
            name=f"{field.name}_drawn", y0=np.array(self.y0), params={"c": np.array(self.c)}
        ).with_interval(self.t0, self.t0 + self.duration)


def constant_fields() -> SearchStrategy[ConstantField]:
    """Return the strategy of constant fields of one to four components for one to five batch members."""
    from hypothesis import strategies as st

    @st.composite
    def draw_one(draw: st.DrawFn) -> ConstantField:
        d, batch = draw(st.integers(1, DRAWN_COMPONENTS)), draw(st.integers(1, DRAWN_MEMBERS))
        return ConstantField(
            c=tuple(draw(dyadics(d))),
            y0=tuple(tuple(draw(dyadics(d))) for _ in range(batch)),
            t0=draw(dyadic(-DRAWN_START, DRAWN_START)),
            duration=draw(dyadic(1, DRAWN_DURATION)),
            n_steps=draw(st.integers(*DRAWN_STEPS)),
        )

    return draw_one()


def worst_constant_field(layer: LayerUnderTest, field: Problem = constant) -> tuple[Measurement, str]:
    """Draw constant fields of other shapes, intervals and step counts; return the worst of them.

    The fixed problem hides an interval that is assumed to start at zero or to have length one, a shape that
    broadcasts, a step count that is not honoured.  The simplest counterexample is described.
    """
    worst = 0.0

    def excess(drawn: ConstantField) -> float:
        problem = drawn.problem(field)
        y1 = layer.solve(problem, _resolution(layer, drawn)).y1
        error = float(np.max(np.abs(y1 - problem.y0 - drawn.duration * problem.params["c"])))
        bound = identity_bound(layer, problem, drawn.n_steps)
        # Where nothing moves and all is zero the bound is zero, and so must the error be.
        return error / bound if bound else error and math.inf

    def holds(drawn: ConstantField) -> bool:
        nonlocal worst
        ratio = excess(drawn)
        worst = max(worst, ratio if math.isfinite(ratio) else math.inf)
        return ratio <= 1

    found = falsify(constant_fields(), holds, examples=layer.profile.examples, random_seed=layer.seed)
    if found is None:
        return at_most("largest error of drawn fields in units of its bound", worst, 1.0), ""
    problem = found.problem(field)
    y1 = layer.solve(problem, _resolution(layer, found)).y1
    exact = problem.y0 + found.duration * problem.params["c"]
    text = (
        f"Simplest counterexample: y' = {list(found.c)}, y0 = {problem.y0.tolist()}, "
        f"t from {found.t0} to {found.t0 + found.duration}, {found.n_steps} steps: "
        f"y1 = {y1.tolist()}, exact {exact.tolist()}."
    )
    return at_most("error of a drawn field in units of its bound", excess(found), 1.0), text


def _resolution(layer: LayerUnderTest, drawn: ConstantField) -> float:
    return layer.resolution(tol=IDENTITY_TOLERANCE, n_steps=drawn.n_steps)
