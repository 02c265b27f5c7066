"""Growth laws: how memory grows with the number of steps, decided by an information criterion.

Bytes are modelled as ``bytes = a(n) + g(n) S`` for a state of S bytes.  Two state sizes separate the two
exactly, and the law of a layer is that of g, the number of states: a time grid, which grows with n and not
with S, is no state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nodecheck.numerics.constants import (
    DECISIVE_AICC,
    EPS_FLOAT32,
    FEWEST_GROWTH_LEVELS,
    FLOOR_IN_STATES,
)

# From slow to fast: what a claim allows is itself and all before it.
LAWS = ("constant", "log", "sqrt", "linear")
SYMBOLS = {"constant": "O(1)", "log": "O(log n)", "sqrt": "O(√n)", "linear": "O(n)"}
_SHAPES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda _n: 0.0,
    "log": math.log,
    "sqrt": math.sqrt,
    "linear": float,
}


@dataclass(frozen=True)
class GrowthFit:
    """The laws of growth that the counts allow.

    Attributes
    ----------
    behind
        By how much the AICc of each law lies above that of the best.
    rate, rate_error
        Coefficient of the best law (states per step for "linear") and its standard error.
    residual
        Root mean square distance of the counts from the best law, in states.
    """

    behind: Mapping[str, float]
    rate: float
    rate_error: float
    residual: float

    @property
    def laws(self) -> tuple[str, ...]:
        """The laws that fit, the best first; only one where the counts decide."""
        ranked = sorted(self.behind, key=lambda law: self.behind[law])
        return tuple(law for law in ranked if self.behind[law] <= DECISIVE_AICC)

    @property
    def law(self) -> str:
        """The best law."""
        return self.laws[0]

    @property
    def decided(self) -> bool:
        """True if all other laws are out."""
        return len(self.laws) == 1

    @property
    def symbol(self) -> str:
        """The laws that fit in the notation of Landau."""
        return " or ".join(SYMBOLS[law] for law in self.laws)

    def beyond(self, claim: str) -> float:
        """Return the AICc by which the best law beats all that `claim` allows; 0 if it is allowed."""
        return min(self.behind[law] for law in LAWS[: LAWS.index(claim) + 1])

    def may_exceed(self, claim: str) -> bool:
        """Return True if a law faster than `claim` is among those that fit."""
        return any(law not in LAWS[: LAWS.index(claim) + 1] for law in self.laws)


def states_held(sizes: Sequence[float], held: Sequence[float]) -> float:
    """Return the coefficient of S in bytes = a + g S by least squares; exact for two sizes."""
    return float(np.polyfit(sizes, held, 1)[0])


def fit_law(n: Sequence[float], states: Sequence[float]) -> GrowthFit:
    """Fit states = a + b shape(n) for every law and compare by AICc (Hurvich & Tsai, 1989).

    A law says the same as "constant", and is no rival to it, where over the ladder it rises by one state at
    most, or the counts do.
    The law is that of many steps: where not all counts follow one to within a state, but all from some level
    on do, those before are start-up (a multistep method that has not filled its history yet).

    Raises
    ------
    ValueError
        With fewer than six levels: AICc punishes the slope of a line so much there that nothing is decided.
    """
    if len(n) < FEWEST_GROWTH_LEVELS:
        message = (
            f"a growth law needs {FEWEST_GROWTH_LEVELS} levels or more, got {len(n)}; lengthen the ladder"
        )
        raise ValueError(message)
    x, y = np.asarray(n, dtype=np.float64), np.asarray(states, dtype=np.float64)
    fits = [_compare(x[first:], y[first:]) for first in range(len(n) - FEWEST_GROWTH_LEVELS + 1)]
    return next((fit for fit in fits if fit.residual <= FLOOR_IN_STATES), fits[0])


def _compare(n: np.ndarray, states: np.ndarray) -> GrowthFit:
    """Return the fit to all of these counts."""
    scores: dict[str, float] = {}
    fits: dict[str, tuple[float, float, float]] = {}
    for law, shape in _SHAPES.items():
        x = np.array([shape(v) for v in n])
        slope, error, square = _line(x, states)
        grows = min(slope * float(np.ptp(x)), float(np.ptp(states))) > FLOOR_IN_STATES * (1 + EPS_FLOAT32)
        fits[law] = (slope, error, math.sqrt(square))
        scores[law] = _aicc(len(n), max(square, FLOOR_IN_STATES**2), 2 if law == "constant" else 3)
        if law != "constant" and not grows:
            scores[law] = math.inf
    best = min(scores, key=lambda law: scores[law])
    behind = {law: score - scores[best] for law, score in scores.items()}
    return GrowthFit(behind, *fits[best])


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return slope, its standard error, and the mean square residual."""
    spread = float(np.sum((x - x.mean()) ** 2))
    slope = float(np.sum((x - x.mean()) * y)) / spread if spread else 0.0
    residuals = y - y.mean() - slope * (x - x.mean())
    square = float(np.mean(residuals**2))
    freedom = max(1, len(x) - 2)
    error = math.sqrt(square * len(x) / freedom / spread) if spread else 0.0
    return slope, error, square


def _aicc(n: int, variance: float, parameters: int) -> float:
    correction = 2 * parameters * (parameters + 1) / (n - parameters - 1)
    return n * math.log(variance) + 2 * parameters + correction


def cost_exponent(n: Sequence[float], cost: Sequence[float]) -> float:
    """Return e of cost = C n^e between the first and the last level; NaN where one of them costs nothing."""
    if min(cost[0], cost[-1]) <= 0:
        return math.nan
    return math.log(cost[-1] / cost[0]) / math.log(n[-1] / n[0])
