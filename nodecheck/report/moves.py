"""How a number may move from one run to the next before it counts as worse.

The numbers are the same in every run of equal code and seed, so no statistics are needed.  Time is not among
them: it is noisy.
"""

from __future__ import annotations

import math

from nodecheck.report.numbers import number, shorten
from nodecheck.results import Metric, Result

# An order varies by about 0.1 between machines and profiles; a bug costs a whole one.
ORDER_DROP = 0.3
# The error of a method changes by less than this unless its coefficients do.
ERROR_FACTOR = 2.0
# Counts of states are exact; one percent of one state is rounding in the fit.
STATES_SHARE = 0.01
# Evaluations are counted; a count per step is a quotient of counts and may round.
_COUNT_ROUNDING = 1e-9
_DRAWN = ("order", "error")


def worse(quantity: str, before: float, after: float) -> bool:
    """Whether a number got worse by more than its quantity allows; one that is not a number did."""
    if math.isnan(before) or math.isnan(after):
        return math.isnan(after) and not math.isnan(before)
    if quantity == "order":
        return before - after > ORDER_DROP
    if quantity == "error":
        return after > ERROR_FACTOR * before
    if quantity == "states":
        return after - before > STATES_SHARE * max(before, 1.0)
    return quantity == "evaluations" and after - before > _COUNT_ROUNDING * max(before, 1.0)


def in_common(before: Result, after: Result) -> list[tuple[Metric, Metric]]:
    """Return the numbers that two results have in common.

    Errors of a gradient, and so their orders, depend on the cotangents that are drawn: with others, an order
    was off by 0.33 and an error by a factor of 2.4.  So with another seed they are no numbers in common.
    """
    old = {(m.quantity, m.name): m for m in before.metrics}
    new = (
        after.metrics if before.seed == after.seed else [m for m in after.metrics if m.quantity not in _DRAWN]
    )
    return [(old[m.quantity, m.name], m) for m in new if (m.quantity, m.name) in old]


def moved(old: Metric, new: Metric) -> str:
    """Return the way of a number in words: evaluations per step rose from 4 to 5."""
    verb = "rose" if new.value > old.value else "fell" if new.value < old.value else "went"
    factor = new.value / old.value if old.value and math.isfinite(new.value) else math.nan
    times = f" (× {number(factor)})" if new.quantity == "error" and math.isfinite(factor) else ""
    return f"{shorten(new.name)} {verb} from {number(old.value)} to {number(new.value)}{times}"
