"""Distance of a prediction from the observation, at one or two resolutions.

Of a layer of order p, g(h) = H(h) + C h^p + ..., where H is the limit of its backward pass.  If a hypothesis
predicts H, its difference to g shrinks like h^p; else the difference tends to a constant.  Two resolutions
tell these apart where one cannot: at 64 steps a right Euler layer is off by 1e-2, as much as with many a bug.
Richardson's combination (r^p g(h) - g(r h)) / (r^p - 1) of the *differences* removes C h^p and leaves a
constant as it is, so wrong hypotheses keep their residual while the right one drops to O(h^(p+1)).  The
differences are combined rather than the gradients, because H may itself depend on h.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

import numpy as np

from nodecheck.diagnosis.gradient.observation import Levels
from nodecheck.numerics import INCONSISTENT_BELOW
from nodecheck.numerics.constants import (
    BELIEVED_IF_NEARER_BY,
    CLEAR_SHRINKAGE,
    EXTRAPOLATED_ORDERS,
    NEARER_AT_COARSE_LEVEL,
)
from nodecheck.problems import Float64


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Scaled differences to a prediction at the fine level and, if known, at one ``ratio`` times coarser."""

    fine: Float64
    coarse: Float64 | None
    ratio: float

    @property
    def size(self) -> float:
        """Relative difference at the fine level, RMS over the groups."""
        return float(np.linalg.norm(self.fine))

    @property
    def coarse_size(self) -> float | None:
        """Relative difference at the coarse level; None if there is one level."""
        return None if self.coarse is None else float(np.linalg.norm(self.coarse))

    @property
    def clearly_shrinks(self) -> bool:
        """True if the fine level has half the difference of the coarse one, or less."""
        return self.coarse_size is not None and self.size * CLEAR_SHRINKAGE <= self.coarse_size

    @property
    def limit(self) -> float:
        """Relative difference that remains after extrapolation; the plain one if there is one level."""
        if self.coarse is None or self.ratio == 1.0:
            return self.size
        weights = [self.ratio**p for p in EXTRAPOLATED_ORDERS]
        extrapolated = [np.linalg.norm((w * self.fine - self.coarse) / (w - 1.0)) for w in weights]
        return min(self.size, *(float(each) for each in extrapolated))

    @property
    def order(self) -> float:
        """Power of h with which the difference shrinks; 0 if there is only one level, or none shrinks."""
        before, after = self.coarse_size, self.size
        if before is None or self.ratio == 1.0:
            return 0.0
        if after == 0.0:
            return math.inf
        return math.log(before / after) / math.log(self.ratio) if before > 0.0 else -math.inf

    def explains(self, null: Comparison, own_error: float, level: float) -> bool:
        """Return True if this prediction is right, as far as the measurement separates.

        What it leaves must be a discretisation error: shrink with h, or, where there is one resolution only,
        be at most ``level``; of an adaptive layer, whose h is not known, either will do.  And it must be
        much nearer than the exact gradient (the ``null`` hypothesis), either as it stands or in the limit.
        The limit counts only if the layer does not converge to the exact gradient; else any mistake of O(h)
        would be extrapolated away like a discretisation error.
        """
        size = max(self.size, own_error)
        shrinks = size == own_error or self.order >= INCONSISTENT_BELOW
        known = self.coarse is not None and self.ratio > 1.0
        is_discretisation = shrinks if known else size <= level or self.clearly_shrinks
        if not (np.isfinite(self.size) and is_discretisation and self._is_nearer_at_the_coarse_level(null)):
            return False
        if size * BELIEVED_IF_NEARER_BY <= null.size:
            return True
        limit = max(self.limit, own_error)
        return null.order < INCONSISTENT_BELOW and limit * BELIEVED_IF_NEARER_BY <= null.limit

    def _is_nearer_at_the_coarse_level(self, null: Comparison) -> bool:
        """Return True if the coarse level, where there is one, does not contradict the fine one."""
        if self.coarse_size is None or null.coarse_size is None:
            return True
        return self.coarse_size * NEARER_AT_COARSE_LEVEL <= null.coarse_size


def compare(
    observed: Levels,
    predicted: Levels,
    scales: Mapping[str, float],
    groups: Iterable[str],
    ratio: float,
    coarse_weights: Mapping[str, float],
) -> Comparison:
    """Return the differences of some groups, each relative to its exact size, at both levels.

    Of no groups at all there is no difference.
    """
    names = tuple(groups)

    def difference(level: int) -> Float64 | None:
        ours, theirs = observed[level], predicted[level]
        if ours is None or theirs is None:
            return None
        weights = [coarse_weights.get(name, 1.0) if level else 1.0 for name in names]
        if not names:
            return np.zeros(0)
        parts = [
            (weight * (ours[name] - theirs[name]) / scales[name]).ravel()
            for name, weight in zip(names, weights, strict=True)
        ]
        flat: Float64 = np.concatenate(parts) / math.sqrt(len(names))
        return flat

    fine = difference(0)
    assert fine is not None  # only the coarse level may be absent
    return Comparison(fine, difference(1), ratio)
