"""Changes of the entries of one right gradient: clipped, cut off, shifted, put in another order.

Each of these takes few numbers, or one order, from the observation, and predicts all others from it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nodecheck.diagnosis.gradient.match import Candidate
from nodecheck.diagnosis.gradient.matcher import Matcher
from nodecheck.diagnosis.gradient.observation import Gradients, map_levels
from nodecheck.numerics.constants import FEWEST_CHANGED_ENTRIES, MOST_PERMUTED_ENTRIES, SAME_LIMIT_RTOL
from nodecheck.problems import Float64


def changes_of_group(matcher: Matcher, name: str) -> list[Candidate]:
    """Return the candidates that the entries of one group are right ones that were changed."""
    return [
        *_clipped(matcher, name),
        *_cut_off(matcher, name),
        _constant_part(matcher, name),
        *_reordered(matcher, name),
    ]


def _clipped(matcher: Matcher, name: str) -> list[Candidate]:
    """Return the candidate that entries are clipped, if several are as large as the largest."""
    sizes = np.abs(matcher.observed[0][name])
    limit = float(sizes.max())
    if np.count_nonzero(sizes >= limit * (1 - SAME_LIMIT_RTOL)) < FEWEST_CHANGED_ENTRIES:
        return []

    def clipped(exact: Gradients) -> Gradients:
        return {name: np.clip(exact[name], -limit, limit)}

    phrase = f"be clipped to [-{limit:.3g}, {limit:.3g}]"
    return [Candidate(phrase, map_levels(clipped, matcher.exact), 1)]


def _cut_off(matcher: Matcher, name: str) -> list[Candidate]:
    """Return the candidate that small entries are set to zero, if all zeros are smaller than the others."""
    zero = matcher.observed[0][name] == 0.0
    sizes = np.abs(matcher.exact[0][name])
    if min(zero.sum(), (~zero).sum()) < FEWEST_CHANGED_ENTRIES:
        return []
    highest, lowest = float(sizes[zero].max()), float(sizes[~zero].min())
    if not highest < lowest:
        return []

    def cut_off(exact: Gradients) -> Gradients:
        return {name: np.where(np.abs(exact[name]) <= highest, 0.0, exact[name])}

    phrase = (
        f"be zero where it is smaller than a limit between {highest:.2g} and {lowest:.2g}, right elsewhere"
    )
    return [Candidate(phrase, map_levels(cut_off, matcher.exact), 1)]


def _constant_part(matcher: Matcher, name: str) -> Candidate:
    """Return the candidate that something is added which does not depend on the cotangent."""
    excess = (matcher.observed[0][name] - matcher.exact[0][name]).mean(axis=0)

    def shifted(exact: Gradients) -> Gradients:
        return {name: exact[name] + excess}

    phrase = "be right but for a part that does not depend on the cotangent"
    return Candidate(phrase, map_levels(shifted, matcher.exact), excess.size)


def _reordered(matcher: Matcher, name: str) -> list[Candidate]:
    """Return the candidate that batch members or entries are in another order."""
    shape = matcher.fine.problem.groups[name].shape
    blocks = [("batch members", len(shape) and shape[0])] if name == "y0" else []
    blocks.append(("entries", matcher.exact[0][name].shape[1]))
    found = []
    for words, count in blocks:
        order = _order(matcher, name, count)
        if order is None:
            continue

        def reordered(exact: Gradients, order: Float64 = order, count: int = count) -> Gradients:
            rows = exact[name]
            return {name: rows.reshape(len(rows), count, -1)[:, order].reshape(rows.shape)}

        phrase = f"be right but with its {words} in another order: {', '.join(map(str, order))}"
        if matcher.fine.problem.second_order and np.array_equal(order, _halves_exchanged(shape)):
            phrase = "be right but with positions and velocities exchanged"
        freedom = 1 if words != "entries" else count
        found.append(Candidate(phrase, map_levels(reordered, matcher.exact), freedom))
    return found


def _halves_exchanged(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return the order of entries of (B, 2 d) where the halves of every member are exchanged."""
    return np.roll(np.arange(math.prod(shape)).reshape(shape), shape[-1] // 2, axis=-1).ravel()


def _order(matcher: Matcher, name: str, count: int) -> Float64 | None:
    """Return the exact block that is nearest to each observed one; None unless that is another order."""
    if not 1 < count <= MOST_PERMUTED_ENTRIES:
        return None
    ours, exact = (
        np.moveaxis(rows[name].reshape(len(rows[name]), count, -1), 1, 0).reshape(count, -1)
        for rows in (matcher.observed[0], matcher.exact[0])
    )
    nearest = np.linalg.norm(ours[:, None] - exact[None], axis=-1).argmin(axis=1)
    is_order = np.array_equal(np.sort(nearest), np.arange(count))
    return nearest if is_order and not np.array_equal(nearest, np.arange(count)) else None
