"""What may be done to a right gradient, or to its cotangent: clipped, cut off, decayed, put in another order.

Each of these takes one number or one order from the observation, and predicts all others from it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import World, make_world
from nodecheck.diagnosis.gradient.adjoints import with_scaled_field, with_scaled_jacobian
from nodecheck.diagnosis.gradient.match import Candidate, Case
from nodecheck.diagnosis.gradient.observation import Gradients, Jacobians, Observation, pull_back
from nodecheck.problems import Float64
from nodecheck.reference import sensitivity

_MOST_PERMUTED = 64  # entries: of more, two are too likely to be alike
_FEWEST_CHANGED = 2  # entries that a clipped or cut-off gradient shows, of each kind
_NEWTON_STEPS = 4  # the dependence on the factor is nearly linear over a time scale or two
_DIFFERENCE = 1e-6
_LARGEST_FACTOR = 4.0


def changed(case: Case, change: Callable[[Gradients], Gradients], phrase: str, freedom: int) -> Candidate:
    """Return the candidate that the exact gradients are changed in the same way at both levels."""
    fine, coarse = case.exact
    return Candidate(phrase, (change(fine), None if coarse is None else change(coarse)), freedom)


def of_cotangent(case: Case) -> list[Candidate]:
    """Return the candidate that the cotangent is clipped: right gradients for a wrong cotangent."""
    limit = _clipping_limit(case)
    if limit is None:
        return []
    jacobians = _jacobians(case)

    def clipped(observation: Observation) -> Gradients:
        return pull_back(jacobians, np.clip(observation.rows(), -limit, limit))

    phrase = f"match the gradient for a cotangent clipped to [-{limit:.3g}, {limit:.3g}]"
    return [Candidate(phrase, (clipped(case.fine), clipped(case.coarse) if case.coarse else None), 1)]


def _clipping_limit(case: Case) -> float | None:
    """Return the limit that brings the gradients of clipped cotangents nearest, by least squares.

    Between two successive sizes of entries the gradients are linear in the limit, so each such interval has
    one least-squares solution.
    """
    rows, jacobians = case.fine.rows(), _jacobians(case)
    sizes = np.unique(np.abs(rows))
    observed = _flat(case, case.observed[0])
    best: tuple[float, float] | None = None
    for lower, upper in zip(np.append(0.0, sizes[:-1]), sizes, strict=True):
        kept = np.abs(rows) <= lower
        rest = observed - _flat(case, pull_back(jacobians, np.where(kept, rows, 0.0)))
        slope = _flat(case, pull_back(jacobians, np.where(kept, 0.0, np.sign(rows))))
        limit = float(slope @ rest) / (float(slope @ slope) or 1.0)
        residual = float(np.linalg.norm(rest - limit * slope))
        if lower < limit < upper and (best is None or residual < best[0]):
            best = residual, limit
    return None if best is None else best[1]


def of_jacobian(case: Case) -> list[Candidate]:
    """Return the candidates that the adjoint is driven by a multiple of Jᵀ, or of Jᵀ and ∂f/∂θ.

    A state that is detached in part takes its share of J out of the adjoint; weights that do not add up to
    one do so too.  A stage that is detached takes its weight out of both, as far as the step is small.
    """
    world = make_world(case.fine.problem)
    found = _multiple(case, with_scaled_jacobian, "match an adjoint driven by {:.4g} times Jᵀ")
    if case.fine.problem.params and world.tables.state.any():  # else it is the former, or a mere factor
        # Two digits: the factor is off by as much as the step is large.
        words = (
            "match an adjoint that sees {:.2f} times the field, as if stages of weight {:.2f} were detached"
        )
        found += _multiple(case, with_scaled_field, words)
    return found


def _multiple(case: Case, solve: Callable[[World, float], Jacobians], phrase: str) -> list[Candidate]:
    """Return the candidate of the factor that fits best, by Newton's method; none if the factor runs away."""
    world, rows, factor = make_world(case.fine.problem), case.fine.rows(), 1.0
    observed = _flat(case, case.observed[0])

    def predicted(factor: float) -> Float64:
        return _flat(case, pull_back(solve(world, factor), rows))

    for _ in range(_NEWTON_STEPS):
        here = predicted(factor)
        slope = (predicted(factor + _DIFFERENCE) - here) / _DIFFERENCE
        factor += float(slope @ (observed - here)) / (float(slope @ slope) or 1.0)
        if not abs(factor) < _LARGEST_FACTOR:  # beyond, exponentials of J: no layer would be that wrong
            return []
    table = solve(world, factor)
    coarse = None if case.coarse is None else pull_back(table, case.coarse.rows())
    return [Candidate(phrase.format(factor, 1.0 - factor), (pull_back(table, rows), coarse), 1)]


def _jacobians(case: Case) -> Jacobians:
    problem = case.fine.problem
    return {
        name: table.reshape(*problem.y0.shape, -1) for name, table in sensitivity(problem).jacobians.items()
    }


def _flat(case: Case, gradients: Gradients) -> Float64:
    """Return the gradients of all groups that can be compared as one vector, each in units of its size."""
    return np.concatenate([(gradients[name] / case.scales[name]).ravel() for name in case.groups])


def of_parameters(case: Case) -> list[Candidate]:
    """Return the candidate that a multiple of the parameters themselves is added: weight decay."""
    names = [name for name in case.groups if name != "y0"]
    values = {name: case.fine.problem.params[name].ravel() for name in names}
    excess = {name: (case.observed[0][name] - case.exact[0][name]).mean(axis=0) for name in names}
    below = sum(float(v @ v) for v in values.values())
    if sum(v.size for v in values.values()) < _FEWEST_CHANGED or below == 0.0:
        return []
    rate = sum(float(values[name] @ excess[name]) for name in names) / below

    def decayed(exact: Gradients) -> Gradients:
        return {name: rows + rate * values[name] if name in values else rows for name, rows in exact.items()}

    phrase = f"be {rate:.3g} times the parameters too large, whatever the cotangent (weight decay)"
    return [changed(case, decayed, phrase, 1)]


def of_group(case: Case, name: str) -> list[Candidate]:
    """Return what may be done to the entries of one group."""
    return [
        *_clipped(case, name),
        *_cut_off(case, name),
        *_constant_part(case, name),
        *_reordered(case, name),
    ]


def _clipped(case: Case, name: str) -> list[Candidate]:
    sizes = np.abs(case.observed[0][name])
    limit = float(sizes.max())
    if np.count_nonzero(sizes >= limit * (1 - 1e-9)) < _FEWEST_CHANGED:
        return []

    def clipped(exact: Gradients) -> Gradients:
        return {name: np.clip(exact[name], -limit, limit)}

    return [changed(case, clipped, f"be clipped to [-{limit:.3g}, {limit:.3g}]", 1)]


def _cut_off(case: Case, name: str) -> list[Candidate]:
    """Return the candidate that small entries are set to zero: below all that are not."""
    zero = case.observed[0][name] == 0.0
    sizes = np.abs(case.exact[0][name])
    if zero.sum() < _FEWEST_CHANGED or (~zero).sum() < _FEWEST_CHANGED:
        return []
    highest, lowest = float(sizes[zero].max()), float(sizes[~zero].min())
    if not highest < lowest:
        return []

    def cut_off(exact: Gradients) -> Gradients:
        return {name: np.where(np.abs(exact[name]) <= highest, 0.0, exact[name])}

    words = (
        f"be zero where it is smaller than a limit between {highest:.2g} and {lowest:.2g}, right elsewhere"
    )
    return [changed(case, cut_off, words, 1)]


def _constant_part(case: Case, name: str) -> list[Candidate]:
    """Return the candidate that something is added which does not depend on the cotangent."""
    excess = (case.observed[0][name] - case.exact[0][name]).mean(axis=0)

    def shifted(exact: Gradients) -> Gradients:
        return {name: exact[name] + excess}

    words = "be right but for a part that does not depend on the cotangent"
    return [changed(case, shifted, words, excess.size)]


def _reordered(case: Case, name: str) -> list[Candidate]:
    """Return the candidate that batch members or entries are in another order."""
    shape = case.fine.problem.groups[name].shape
    blocks = [("batch members", len(shape) and shape[0])] if name == "y0" else []
    blocks.append(("entries", case.exact[0][name].shape[1]))
    found = []
    for words, count in blocks:
        order = _order(case, name, count)
        if order is None:
            continue

        def reordered(exact: Gradients, order: Float64 = order, count: int = count) -> Gradients:
            rows = exact[name]
            return {name: rows.reshape(len(rows), count, -1)[:, order].reshape(rows.shape)}

        phrase = f"be right but with its {words} in another order: {', '.join(map(str, order))}"
        found.append(changed(case, reordered, phrase, 1 if words != "entries" else count))
    return found


def _order(case: Case, name: str, count: int) -> Float64 | None:
    """Return which exact block each observed one is nearest to, if that is an order other than theirs."""
    if not 1 < count <= _MOST_PERMUTED:
        return None
    ours, exact = (
        np.moveaxis(rows[name].reshape(len(rows[name]), count, -1), 1, 0).reshape(count, -1)
        for rows in (case.observed[0], case.exact[0])
    )
    nearest = np.linalg.norm(ours[:, None] - exact[None], axis=-1).argmin(axis=1)
    is_order = np.array_equal(np.sort(nearest), np.arange(count))
    return nearest if is_order and not np.array_equal(nearest, np.arange(count)) else None
