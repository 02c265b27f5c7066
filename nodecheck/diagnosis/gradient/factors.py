"""Constant factors: fitted by least squares, followed over two resolutions, and named where a name fits."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from nodecheck.diagnosis.gradient.observation import Levels, Observation
from nodecheck.numerics.constants import (
    FACTOR_NAME_MARGIN,
    FACTOR_POWER_MARGIN,
    HIGHEST_FACTOR_POWER,
    NEAR_ONE_FACTOR,
    SMALLEST_FACTOR_MARGIN,
    TWO_DIGIT_AGREEMENT,
    WIDEST_NAME_MARGIN,
)


@dataclasses.dataclass(frozen=True)
class Factor:
    """A fitted factor at the fine and, if there is one, at a ``ratio`` times coarser level."""

    fine: float
    coarse: float | None
    ratio: float

    @property
    def power(self) -> int | None:
        """Power of h that the factor carries; None if unknown, or if it is no such power."""
        if self.coarse is None or self.ratio == 1.0 or self.fine * self.coarse <= 0.0:
            return None
        measured = math.log(self.coarse / self.fine) / math.log(self.ratio)
        nearest = round(measured)
        close = abs(nearest) <= HIGHEST_FACTOR_POWER and abs(measured - nearest) < FACTOR_POWER_MARGIN
        return nearest if close else None

    @property
    def is_of_each_step(self) -> bool:
        """True if the factor is a power with the number of steps as its exponent: each step multiplies."""
        if self.coarse is None or self.power is not None or not min(self.fine, self.coarse) > 0.0:
            return False
        return abs(math.log(self.fine) - self.ratio * math.log(self.coarse)) < (
            FACTOR_POWER_MARGIN * abs(math.log(self.coarse))
        )

    @property
    def is_consistent(self) -> bool:
        """True if the two levels agree on the factor, up to a power of h; on a random one they do not."""
        known = self.coarse is not None and self.ratio != 1.0
        return not known or self.power is not None or self.is_of_each_step

    @property
    def limit(self) -> float:
        """Factor at the fine level without its error of first order in h; a power of h is kept."""
        if self.coarse is None or self.power is None:
            return self.fine
        before = self.coarse / self.ratio**self.power
        return (self.ratio * self.fine - before) / (self.ratio - 1.0)

    def weights(self, groups: tuple[str, ...]) -> dict[str, float]:
        """Return the weights that bring coarse differences of some groups to the scale of the fine ones."""
        weight = 1.0 if self.power is None else self.ratio**-self.power
        if self.coarse is not None and self.is_of_each_step:
            weight = self.fine / self.coarse
        return dict.fromkeys(groups, weight)

    def names(self, observation: Observation, residual: float) -> list[str]:
        """Return the names that fit the factor's magnitude; none if it is too uncertain to be named."""
        change = abs(self.limit / self.fine - 1.0) if self.fine else 0.0
        margin = max(SMALLEST_FACTOR_MARGIN, change, FACTOR_NAME_MARGIN * residual)
        if margin > WIDEST_NAME_MARGIN or self.is_of_each_step:
            return []
        known = _names(observation, self.power)
        return [name for name, value in known if abs(abs(self.limit) / value - 1.0) <= margin]

    def describe(self, observation: Observation, residual: float, what: str) -> str:
        """Return e.g. "0.25 times the exact gradient (1/B = 1/4)"."""
        excess = self.limit - 1.0
        near_one = 0.0 < abs(excess) < NEAR_ONE_FACTOR
        text = f"{self.limit:.4g}"
        if near_one:  # two digits only where the two levels agree on them
            digits = 2 if abs(self.limit - self.fine) < TWO_DIGIT_AGREEMENT * abs(excess) else 1
            text = f"(1 {'+' if excess > 0 else '-'} {abs(excess):.{digits}g})"
        names = [name for name in self.names(observation, residual) if name not in ("1", text)]
        remarks = ["sign flipped"] if self.limit < 0.0 else []
        remarks += [" or ".join(names)] if names else []
        remarks += self._course(observation)
        return f"{text} times {what}" + (f" ({', '.join(remarks)})" if remarks else "")

    def _course(self, observation: Observation) -> list[str]:
        """Return how the factor depends on the step, as a remark; nothing of a constant one."""
        if self.is_of_each_step and observation.n_steps:
            return [f"{self.fine ** (1.0 / observation.n_steps):.4g} for each step"]
        power = self.power or 0
        exponent = "" if abs(power) == 1 else f"^{abs(power)}"
        if power == 0:
            return []
        return [f"it shrinks like h{exponent}" if power > 0 else f"it grows like 1/h{exponent}"]


def fit_factor(observed: Levels, predicted: Levels, groups: tuple[str, ...], ratio: float) -> Factor:
    """Return the factor c that brings c times the prediction nearest to the observation."""
    factors: list[float] = []
    for ours, theirs in zip(observed, predicted, strict=True):
        if ours is None or theirs is None:
            continue
        above = sum(float(np.vdot(theirs[name], ours[name])) for name in groups)
        below = sum(float(np.vdot(theirs[name], theirs[name])) for name in groups)
        factors.append(above / below if below > 0.0 else 0.0)
    return Factor(factors[0], factors[1] if len(factors) > 1 else None, ratio)


def scaled(factor: Factor, predicted: Levels, groups: tuple[str, ...]) -> Levels:
    """Return the predictions with some groups multiplied by the factor of their level."""
    fine, coarse = predicted
    first = {name: factor.fine * rows if name in groups else rows for name, rows in fine.items()}
    if coarse is None or factor.coarse is None:
        return first, None
    second = factor.coarse
    return first, {name: second * rows if name in groups else rows for name, rows in coarse.items()}


def _names(observation: Observation, power: int | None) -> list[tuple[str, float]]:
    """Return the names a factor may have, those of the measured power of h only."""
    batch, d = observation.problem.y0.shape
    length = abs(observation.problem.duration)
    constants = [("1", 1.0), ("2", 2.0), ("1/2", 0.5)]
    for name, value in (("B", batch), ("d", d), ("(B·d)", batch * d)):
        if value > 1:
            constants += [(f"{name} = {value}", float(value)), (f"1/{name} = 1/{value}", 1.0 / value)]
    constants += [(f"t1 - t0 = {length:.3g}", length), (f"1/(t1 - t0) = {1 / length:.3g}", 1.0 / length)]
    found = [(name, value, 0) for name, value in constants]
    if observation.n_steps is not None and observation.n_steps > 1:
        n, h = observation.n_steps, length / observation.n_steps
        found += [
            (f"h = {h:.3g}", h, 1),
            (f"1/n_steps = 1/{n}", 1.0 / n, 1),
            ("2h", 2 * h, 1),
            ("h/2", h / 2, 1),
        ]
        found += [(f"1/h = {1 / h:.3g}", 1.0 / h, -1), (f"n_steps = {n}", float(n), -1)]
    return [(name, value) for name, value, carried in found if power is None or power == carried]
