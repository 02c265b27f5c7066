"""Discrete adjoints of Runge-Kutta methods whose products are taken at the state of another stage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import make_adjoint_solver
from nodecheck.diagnosis.gradient.collocation import FieldJacobians, split
from nodecheck.diagnosis.gradient.observation import Gradients, Jacobians, pull_back
from nodecheck.diagnosis.layer_observation import observe
from nodecheck.layers import LayerUnderTest, Refusal, attempt
from nodecheck.measure.matching_tableau import matching_tableau
from nodecheck.numerics import FLOOR_FACTOR
from nodecheck.numerics.constants import MOST_PERMUTED_STAGES
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.problems import Float64, Problem

# For each stage the one at whose state its product is taken; the stage after the last is the end of the step.
_Choice = tuple[int, ...]


def explain_stage_states(layer: LayerUnderTest, problem: Problem) -> str:
    """Return at the states of which stages the backward pass takes its products; "" if at the right ones.

    Only where the forward pass is that of a known method, and the gradient that of the wrong adjoint, both to
    rounding, at few steps: there the stages are far apart.
    """
    found = None if layer.adaptive else attempt(lambda: matching_tableau(layer, problem))
    if found is None or isinstance(found, Refusal) or found[1] != layer.few_steps:
        return ""
    tableau, _, distance = found
    widest = max(value.size for value in problem.params.values())
    bound = FLOOR_FACTOR * layer.roundoff(layer.solve(problem, layer.few_steps).evaluations * widest)
    observation = observe(layer, problem, layer.few_steps, layer.few_steps)
    if not distance <= bound or observation.missing():
        return ""
    steps = _Steps(tableau, problem, layer.few_steps)
    observed, rows = observation.stacked(), observation.rows()
    for choice in _choices(tableau.stages):
        error = _distance(observed, pull_back(steps.gradient(choice), rows))
        if error <= bound:
            return (
                f"At {layer.few_steps} steps the gradient is that of the adjoint of {tableau.name} with the "
                f"products {_words(choice)}, to {error:.1g}: keep the state of each stage, and take its "
                f"product there."
            )
    return ""


class _Steps:
    """The steps of a method on a problem: times and states of all stages, and of the ends of the steps."""

    def __init__(self, tableau: ButcherTableau, problem: Problem, n_steps: int) -> None:
        self.problem, self.h = problem, problem.duration / n_steps
        self.a = np.zeros((tableau.stages, tableau.stages))
        for i, row in enumerate(tableau.a):
            self.a[i, : len(row)] = [float(x) for x in row]
        self.b = np.array([float(x) for x in tableau.b])
        starts = problem.t0 + self.h * np.arange(n_steps)
        self.times = starts[:, None] + self.h * np.array([float(x) for x in tableau.c])
        states, y = [], np.asarray(problem.y0, dtype=np.float64)
        for times in self.times:
            stages, slopes = [], np.zeros((tableau.stages, *y.shape))
            for i, t in enumerate(times):
                stages.append(y + self.h * np.tensordot(self.a[i], slopes, 1))
                slopes[i] = problem.vector_field(np.asarray(t), stages[-1], **problem.params)
            y = y + self.h * np.tensordot(self.b, slopes, 1)
            states.append([*stages, y])
        self.states: Float64 = np.array(states)

    def gradient(self, choice: _Choice) -> Jacobians:
        """Return the gradient of the discrete adjoint whose products are taken at the chosen states."""
        solver = make_adjoint_solver(self.problem)
        at: FieldJacobians = solver.jacobians_on(solver.mesh, self.states[:, list(choice)], self.times)
        batch, d = self.problem.y0.shape
        adjoint: Float64 = np.broadcast_to(np.eye(d), (batch, d, d))
        params = np.zeros((batch, d, at.params.shape[-1]))
        for state, param in zip(at.state[::-1], at.params[::-1], strict=True):
            products = np.zeros((len(choice), batch, d, d))
            for i in reversed(range(len(choice))):
                given = self.h * (self.b[i] * adjoint + np.tensordot(self.a[:, i], products, 1))
                products[i] = given @ state[i]
                params = params + given @ param[i]
            adjoint = adjoint + products.sum(axis=0)
        return split(self.problem, adjoint, params)


def _choices(stages: int) -> Iterator[_Choice]:
    """Yield the wrong choices: one state for all, one wrong stage, another order of the stages."""
    right = tuple(range(stages))
    tried = [(j,) * stages for j in range(stages + 1)]
    tried += [(*right[:i], j, *right[i + 1 :]) for i in right for j in range(stages + 1)]
    tried += itertools.permutations(right) if stages <= MOST_PERMUTED_STAGES else [right[::-1]]
    yield from (choice for choice in dict.fromkeys(tried) if choice != right)


def _words(choice: _Choice) -> str:
    """Return "of stages 2, 3 at the states of stages 3, 2"."""
    stages = len(choice)
    if len(set(choice)) == 1 and stages > 1:
        where = {0: "with which the step begins", stages: "with which the step ends"}
        return f"of all stages at the state {where.get(choice[0], f'of stage {choice[0] + 1}')}"
    wrong = [(i, j) for i, j in enumerate(choice) if i != j]
    if any(j == stages for _, j in wrong):
        return f"of stage {wrong[0][0] + 1} at the state with which the step ends"
    ours, theirs = (", ".join(str(k + 1) for k in each) for each in zip(*wrong, strict=True))
    return (
        f"of stage {ours} at the state of stage {theirs}"
        if len(wrong) == 1
        else f"of stages {ours} at the states of stages {theirs}"
    )


def _distance(observed: Gradients, predicted: Gradients) -> float:
    """Return the largest relative difference of a group, NaN among them."""
    sizes = {name: np.linalg.norm(rows) or 1.0 for name, rows in observed.items()}
    return float(np.max([np.linalg.norm(g - predicted[k]) / sizes[k] for k, g in observed.items()]))
