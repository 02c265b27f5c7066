"""Changes outside of a layer: of its inputs, of global settings, of the states of random generators."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nodecheck.backends.torch.generators import comparable_states, seed_generators
from nodecheck.backends.torch.passes import prepare, watched_pass
from nodecheck.backends.torch.settings import CHANGED_BY_IMPORTS, restored
from nodecheck.layers import Array, Solution, Solve, TorchLayer

_States = Mapping[str, Hashable]


@dataclass(frozen=True, eq=False)
class _Run:
    """A solution, and the states of the random generators when the layer was built and when it was used."""

    solution: Solution
    built: _States
    used: _States


def solve_watched(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array] = ()) -> Solution:
    """Return the solution in plain use, with what the layer has changed; only the first cotangent is used.

    The layer is built and used twice, from different states of the random generators.  A generator that ends
    in the same state was reseeded.  One that has moved was drawn from, which is a side effect where the
    answer is the same to the last bit; what is random by design is another check's matter.
    """
    first, second = (_run(layer, solve, cotangents, seed) for seed in (1, 2))
    changed = {*first.solution.changed, *second.solution.changed} - CHANGED_BY_IMPORTS
    changed |= CHANGED_BY_IMPORTS & set(second.solution.changed)  # what is imported is there by then
    changed |= set(_generators_changed(first, second))
    return replace(first.solution, changed=tuple(sorted(changed)))


def _run(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array], seed: int) -> _Run:
    with restored():
        seed_generators(seed)
        one = prepare(layer, solve)
        built = comparable_states()
        solution = watched_pass(one, solve, cotangents[0] if cotangents else None)
        return _Run(solution, built, comparable_states())


def _generators_changed(first: _Run, second: _Run) -> Iterator[str]:
    same_answer = _same(first.solution, second.solution)
    for name in first.built:
        states = f"random state of {name}"
        if first.built[name] == second.built[name] or first.used[name] == second.used[name]:
            yield f"{states} (reseeded)"
        elif same_answer and all(run.built[name] != run.used[name] for run in (first, second)):
            yield f"{states} (drawn from, although the answer does not depend on it)"


def _same(first: Solution, second: Solution) -> bool:
    """Return True if two solutions are the same to the last bit."""
    if not np.array_equal(first.y1, second.y1, equal_nan=True):
        return False
    if not _equal(first.log_det, second.log_det):  # an estimate by noise, beside a state without any
        return False
    pairs = ((value, second.gradients[name]) for name, value in first.gradients.items())
    return all(_equal(a, b) for a, b in pairs)


def _equal(a: Array | None, b: Array | None) -> bool:
    return (a is None and b is None) or (
        a is not None and b is not None and np.array_equal(a, b, equal_nan=True)
    )
