"""A layer while it is examined: the cache of its solutions, by value."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from nodecheck.layers.backend import Backend, backend_of
from nodecheck.layers.claims import Claims
from nodecheck.layers.in_dtype import InDtype
from nodecheck.layers.layer import EVEN, LOG_DET, PAIR, SECOND_ORDER, SEPARABLE
from nodecheck.layers.log_determinant import joined, solve_with_log_det
from nodecheck.layers.mechanics import counterpart, half_of, posed, solve_as_motion
from nodecheck.layers.padded_state import lacking, padded, solve_padded, without_padding
from nodecheck.layers.solution import Array, Pullback, Solution, widened
from nodecheck.layers.solve import Solve
from nodecheck.layers.trial import Trial
from nodecheck.numerics.constants import (
    COTANGENT_UNIT,
    FAST_ORDER,
    FEWEST_LEVELS_OF_FAST_ORDER,
    LADDER_START,
    LADDER_START_IN_NARROW_DTYPES,
    LADDER_START_OF_HIGH_ORDER,
    LADDER_STARTS_COARSER_FROM,
    LOOSEST_DECADE,
    LOOSEST_DECADE_IN_NARROW_DTYPES,
    SUMS_IN_ANOTHER_ORDER,
)
from nodecheck.numerics.formats import rounded
from nodecheck.options.devices import CPU
from nodecheck.options.dtypes import FLOAT64
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem, has_log_det

_T = TypeVar("_T")


class LayerUnderTest(InDtype):
    """A layer, its claims, and the cache of its solutions.

    Parameters
    ----------
    layer
        The layer and its claims; the claims alone where the backend knows the layer.
    profile
        How thoroughly to examine it.
    seed
        Seed of everything that is drawn at random.
    backend
        The backend that runs it; None: the one of its framework.
    device
        Where it runs, unless a solve names another device.
    dtype
        Dtype in which it runs, unless a solve names another one; None: the only one that it works in, or
        float64.  In another dtype than float64 all that it returns is float64 afterwards, of the same values.
    name
        The name of its results; "": its own.
    """

    def __init__(
        self,
        layer: Claims,
        profile: Profile,
        seed: int = 0,
        backend: Backend | None = None,
        *,
        device: str = CPU,
        dtype: str | None = None,
        name: str = "",
    ) -> None:
        self.claims = layer
        self.device = device
        self.dtype = dtype or layer.dtype or FLOAT64
        self.name = name or layer.name
        self.profile = profile
        self.seed = seed
        self.backend = backend or backend_of(layer)
        self._once: dict[Hashable, Any] = {}
        self._solutions: dict[Hashable, Solution] = {}
        self._pullbacks: dict[tuple[Solve, bytes], Pullback] = {}

    @property
    def on_device(self) -> bool:
        """True if the layer runs on another device than the CPU."""
        return self.device != CPU

    @property
    def reordering(self) -> float:
        """The factor of a bound on rounding that sums in another order need: one on the CPU."""
        return SUMS_IN_ANOTHER_ORDER if self.on_device else 1.0

    @property
    def place(self) -> dict[str, str]:
        """The device and the dtype, as arguments of another layer that is to be compared with."""
        return {"device": self.device, "dtype": self.dtype}

    def rounded(self, problem: Problem) -> Problem:
        """Return a problem with numbers that the dtype represents: nothing is lost before it is solved."""
        return problem.rounded_to(self.dtype) if self.narrow else problem

    @property
    def adaptive(self) -> bool:
        """True if the resolution of the layer is a tolerance."""
        return self.claims.adaptive

    @property
    def needs_even(self) -> bool:
        """True if the state of the layer needs an even number of components."""
        return EVEN in self.claims.supports

    @property
    def returns_log_det(self) -> bool:
        """True if the layer returns the log-determinant beside the state."""
        return self.claims.output == LOG_DET

    @property
    def takes_pairs(self) -> bool:
        """True if the state of the layer is a pair of tensors."""
        return self.claims.output == PAIR

    @property
    def of_second_order(self) -> bool:
        """True if the state of the layer is (q, v), and it is given the acceleration."""
        return SECOND_ORDER in self.claims.supports

    @property
    def separable(self) -> bool:
        """True if the layer is for forces without velocities alone."""
        return SEPARABLE in self.claims.supports

    @property
    def equation(self) -> str:
        """The kind of equations that the layer is asked for, if they are of second order; else ""."""
        force = "a(t, q)" if self.separable else "a(t, q, v)"
        return f"q'' = {force}" if self.of_second_order else ""

    def counterpart(self, problem: Problem) -> Problem:
        """Return the problem that the layer is asked for in place of this one: mostly the same.

        It is of second order where the layer is, and has numbers that its dtype represents.
        """
        return self.once(
            ("counterpart", problem), lambda: self.rounded(counterpart(self.claims.supports, problem))
        )

    def resolution(self, *, tol: _T, n_steps: _T) -> _T:
        """Return `tol` for an adaptive layer and `n_steps` for one of fixed steps."""
        return tol if self.adaptive else n_steps

    def ladder(self, levels: int | None = None) -> tuple[int, ...]:
        """Return the step counts of the refinement ladder, coarse to fine."""
        order = self.claims.order or 1
        start = LADDER_START_OF_HIGH_ORDER if order >= LADDER_STARTS_COARSER_FROM else LADDER_START
        if self.narrow and order >= FAST_ORDER:
            start = LADDER_START_IN_NARROW_DTYPES
        fewer = 1 if order >= FAST_ORDER and self.profile.levels > FEWEST_LEVELS_OF_FAST_ORDER else 0
        return tuple(start * 2**k for k in range(levels or self.profile.levels - fewer))

    def usual_ladder(self, levels: int) -> tuple[int, ...]:
        """Return the step counts of a ladder in float64, in whatever dtype the layer runs."""
        return tuple(LADDER_START * 2**k for k in range(levels)) if self.narrow else self.ladder(levels)

    def levels(self, problem: Problem, extra: int = 0) -> tuple[int, ...]:
        """Return the step counts over which an order is fitted, with `extra` more at their fine end.

        They are those of the ladder.  In a narrow dtype few of them are both asymptotic and above rounding,
        so there is one more between each two.  Output times lie at the same places of a step on the usual
        levels alone: those stay.
        """
        count = len(self.ladder()) + extra
        ladder = self.ladder(count)
        if ladder[0] != LADDER_START_IN_NARROW_DTYPES or not self.narrow:
            return ladder
        if problem.ts:
            return self.usual_ladder(count)
        return tuple(sorted({*ladder, *(n + n // 2 for n in ladder[:-1])}))

    def tolerances(self) -> tuple[float, ...]:
        """Return the tolerances of the sweep, loose to tight."""
        loosest = LOOSEST_DECADE_IN_NARROW_DTYPES if self.narrow else LOOSEST_DECADE
        sweep = (10.0**-k for k in range(loosest, LOOSEST_DECADE + 1 + self.profile.decades))
        return tuple(tol for tol in sweep if tol >= self.tightest * (1 - self.eps))

    def rng(self, salt: int = 0) -> np.random.Generator:
        """Return a fresh generator; the same salt gives the same numbers in every run of this seed."""
        return np.random.default_rng((self.seed, salt))

    def cotangents(self, problem: Problem, count: int | None = None) -> tuple[Array, ...]:
        """Return random cotangents of the shape of the output: multiples of 1/63, Gaussian in distribution.

        Gaussian, because random signs miss a pair of errors (+e, -e) with probability one half.  Of 63rds,
        because no narrower dtype represents any but whole numbers: a cotangent that passes through one is
        changed.
        """

        def draw() -> tuple[Array, ...]:
            rng = self.rng(1)
            draws = [rng.standard_normal(shape) for _ in range(number)]
            return tuple(rounded(np.round(d * COTANGENT_UNIT) / COTANGENT_UNIT, self.dtype) for d in draws)

        number, shape = count or self.profile.cotangents, problem.output_shape
        return self.once(("cotangents", shape, number), draw)

    def solve(self, problem: Problem, resolution: float, **how: Any) -> Solution:
        """Return the forward pass of the layer on `problem` with n_steps or tol = `resolution`."""
        return self.solution(Solve(problem, resolution, **how))

    def solution(
        self, solve: Solve, cotangents: Sequence[Array] = (), *, instruments: Sequence[str] = ()
    ) -> Solution:
        """Return the solution of a solve, carried out the first time that it is asked for.

        Each cotangent follows its own forward pass at once: overlapping passes are a variation.
        """
        key = (solve, tuple(_digest(c) for c in cotangents), tuple(instruments))
        if key not in self._solutions:
            self._solutions[key] = self.fresh(solve, cotangents, instruments=instruments)
        return self._solutions[key]

    def fresh(
        self, solve: Solve, cotangents: Sequence[Array] = (), *, instruments: Sequence[str] = ()
    ) -> Solution:
        """Return the solution of a solve that is carried out now, whatever is known already.

        A problem of (y, l) is put to a layer that returns the log-determinant l as the problem of y.
        """
        solve = self.placed(solve)
        if self.returns_log_det and has_log_det(solve.problem):
            asked = solve_with_log_det(solve, self.seed)
            found = self._carried_out(asked, cotangents, instruments)
            return joined(found, solve.problem, cotangents)
        return self._carried_out(solve, cotangents, instruments)

    def _carried_out(self, solve: Solve, cotangents: Sequence[Array], instruments: Sequence[str]) -> Solution:
        if self.of_second_order and not solve.problem.second_order:
            asked, given = solve_as_motion(solve, cotangents)
            found = self.backend.solve(self.claims, asked, given, instruments=instruments)
            return half_of(found, solve.problem)
        count = lacking(self.claims, solve.problem)
        if not count:
            return self._widened(self.backend.solve(self.claims, solve, cotangents, instruments=instruments))
        wider, given = solve_padded(solve, cotangents, count)
        found = self._widened(self.backend.solve(self.claims, wider, given, instruments=instruments))
        return without_padding(found, count, log_det=solve.log_det)

    def _widened(self, solution: Solution) -> Solution:
        return widened(solution) if self.narrow else solution

    def posed(self, problem: Problem) -> Problem:
        """Return a problem with the components that its state lacks for the layer."""
        if self.of_second_order and not problem.second_order:
            return posed(problem)
        return padded(problem, lacking(self.claims, problem))

    def trial(self, problem: Problem, resolution: float) -> Trial:
        """Return any output for y0 of a problem, which has the components that the layer needs."""
        return self.backend.trial(self.claims, self.placed(Solve(self.posed(problem), resolution)))

    def placed(self, solve: Solve) -> Solve:
        """Return a solve on the device and in the dtype of the layer, where it names none of its own."""
        device = self.device if solve.device == CPU else solve.device
        dtype = self.dtype if solve.dtype == FLOAT64 else solve.dtype
        return replace(solve, device=device, dtype=dtype)

    def pullback(self, problem: Problem, resolution: float, cotangent: Array, **how: Any) -> Pullback:
        """Return the backward pass for one cotangent."""
        return self.pullbacks(Solve(problem, resolution, **how), (cotangent,))[0]

    def gradients(
        self, problem: Problem, resolution: float, count: int | None = None, **how: Any
    ) -> list[Pullback]:
        """Return the backward passes for the first `count` cotangents of the problem."""
        return self.pullbacks(Solve(problem, resolution, **how), self.cotangents(problem, count))

    def pullbacks(self, solve: Solve, cotangents: Sequence[Array]) -> list[Pullback]:
        """Return the backward passes of a solve; those that are not known yet run in one request."""
        keys = [(solve, _digest(cotangent)) for cotangent in cotangents]
        missing = [k for k, key in enumerate(keys) if key not in self._pullbacks]
        if missing:
            found = self.fresh(solve, [cotangents[k] for k in missing])
            self._solutions.setdefault((solve, (), ()), replace(found, pullbacks=()))
            for k, pullback in zip(missing, found.pullbacks, strict=True):
                self._pullbacks[keys[k]] = pullback
        return [self._pullbacks[key] for key in keys]

    def once(self, key: Hashable, compute: Callable[[], _T]) -> _T:
        """Return `compute()`, evaluated the first time this key is asked for."""
        if key not in self._once:
            self._once[key] = compute()
        value: _T = self._once[key]
        return value

    def evaluations_per_step(self, problem: Problem) -> float:
        """Return the evaluations that one more step costs; 0 if the number of steps has no effect."""
        n, m = self.ladder(2)
        return (self.solve(problem, m).evaluations - self.solve(problem, n).evaluations) / (m - n)


def _digest(cotangent: Array) -> bytes:
    """Return the value of an array as something to look it up by."""
    return repr((cotangent.dtype.str, cotangent.shape)).encode() + cotangent.tobytes()
