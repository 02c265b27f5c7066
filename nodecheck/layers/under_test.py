"""A layer while it is examined: every run of it is made once and shared by all checks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from nodecheck.backends.torch.dynamics import Call
from nodecheck.layers.layer import Array, Gradients, Solution, TorchLayer
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem

_T = TypeVar("_T")
# Methods of order six and more reach the round-off floor early: their ladder starts coarser.
_START, _START_OF_HIGH_ORDER, _HIGH_ORDER = 8, 4, 6
# From order three on the errors of the finest level are near rounding, and the coarser ones asymptotic.
_FAST_ORDER, _FEWEST_LEVELS = 3, 4


@dataclass(frozen=True, eq=False)
class ForwardRun:
    """A forward pass: final state and the calls of the dynamics that it made."""

    y1: Array
    calls: tuple[Call, ...]

    @property
    def evaluations(self) -> int:
        """Number of evaluations of the field (NFE)."""
        return len(self.calls)


@dataclass(frozen=True, eq=False)
class GradientRun:
    """A backward pass for one cotangent, and the calls of the dynamics that it made."""

    gradients: Gradients
    calls: tuple[Call, ...]


class LayerUnderTest:
    """A layer, its claims, and the cache of its runs.

    Parameters
    ----------
    layer
        The layer and its claims.
    profile
        How thoroughly to examine it.
    seed
        Seed of everything that is drawn at random.
    """

    def __init__(self, layer: TorchLayer, profile: Profile, seed: int = 0) -> None:
        self.claims = layer
        self.profile = profile
        self.seed = seed
        self._once: dict[Hashable, Any] = {}
        self._forward: dict[tuple[Problem, float], ForwardRun] = {}
        self._gradients: dict[tuple[Problem, float], list[GradientRun]] = {}
        self._cotangents: dict[tuple[Problem, int], tuple[Array, ...]] = {}

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.claims.name

    @property
    def adaptive(self) -> bool:
        """Whether the resolution of the layer is a tolerance."""
        return self.claims.adaptive

    def ladder(self, levels: int | None = None) -> tuple[int, ...]:
        """Return the step counts of the refinement ladder, coarse to fine."""
        order = self.claims.order or 1
        start = _START_OF_HIGH_ORDER if order >= _HIGH_ORDER else _START
        fewer = 1 if order >= _FAST_ORDER and self.profile.levels > _FEWEST_LEVELS else 0
        return tuple(start * 2**k for k in range(levels or self.profile.levels - fewer))

    def tolerances(self) -> tuple[float, ...]:
        """Return the tolerances of the sweep, loose to tight."""
        return tuple(10.0**-k for k in range(3, 4 + self.profile.decades))

    def rng(self, salt: int = 0) -> np.random.Generator:
        """Return a fresh generator; the same salt gives the same numbers in every run of this seed."""
        return np.random.default_rng((self.seed, salt))

    def cotangents(self, problem: Problem, count: int | None = None) -> tuple[Array, ...]:
        """Return random cotangents of the shape of y1: multiples of 1/63, Gaussian in distribution.

        Gaussian, because random signs miss a pair of errors (+e, -e) with probability one half.  Of 63rds,
        because float32 represents none but whole numbers: a cotangent that passes through it is changed.
        """
        count = count or self.profile.cotangents
        if (problem, count) not in self._cotangents:
            rng = self.rng(1)
            draws = [rng.standard_normal(problem.y0.shape) for _ in range(count)]
            self._cotangents[problem, count] = tuple(np.round(d * 63) / 63 for d in draws)
        return self._cotangents[problem, count]

    def solve(self, problem: Problem, resolution: float) -> ForwardRun:
        """Return the forward pass of the layer on `problem` with n_steps or tol = `resolution`."""
        key = (problem, resolution)
        if key not in self._forward:
            self._forward[key] = _forward_run(self.fresh(problem, resolution))
        return self._forward[key]

    def gradients(self, problem: Problem, resolution: float, count: int | None = None) -> list[GradientRun]:
        """Return the backward passes for the first `count` cotangents of the problem.

        Each follows its own forward pass at once: whether passes may overlap is a check of its own.
        """
        cotangents = self.cotangents(problem, count)
        runs = self._gradients.setdefault((problem, resolution), [])
        for cotangent in cotangents[len(runs) :]:
            solution = self.fresh(problem, resolution)
            self._forward.setdefault((problem, resolution), _forward_run(solution))
            gradients = solution.pullback(cotangent)
            runs.append(
                GradientRun(gradients, tuple(c for c in solution.trace.calls if c.phase == "backward"))
            )
        return runs[: len(cotangents)]

    def fresh(self, problem: Problem, resolution: float) -> Solution:
        """Return a forward pass that is not shared, for checks that look at the runs themselves."""
        return self.claims.vjp(problem, resolution)

    def once(self, key: Hashable, compute: Callable[[], _T]) -> _T:
        """Return `compute()`, evaluated the first time this key is asked for."""
        if key not in self._once:
            self._once[key] = compute()
        value: _T = self._once[key]
        return value

    def evaluations_per_step(self, problem: Problem) -> float:
        """Return how many evaluations one more step costs; 0 if the number of steps has no effect."""
        n, m = self.ladder(2)
        return (self.solve(problem, m).evaluations - self.solve(problem, n).evaluations) / (m - n)


def _forward_run(solution: Solution) -> ForwardRun:
    return ForwardRun(solution.y1, tuple(solution.trace.calls))
