"""Metrics of two runs: which may be compared, and which changes count as worse.

Equal code and an equal seed give equal metrics, so no statistics are needed.  Time varies and is no metric.
"""

from __future__ import annotations

import math

from nodecheck.report.numbers import number, shorten
from nodecheck.results import Metric, Result

# An order varies by about 0.1 between machines and profiles; a fault lowers it by one.
ORDER_DROP = 0.3
# The error of a method changes by less than this factor unless its coefficients change.
ERROR_FACTOR = 2.0
# Counts of states are exact; one percent of a state is rounding in the fit.
STATES_SHARE = 0.01
# Relative rounding of a count per step, which is a quotient of two counts.
_COUNT_ROUNDING = 1e-9
# Quantities that depend on the random cotangents, and so on the seed.
_SEEDED = ("order", "error")


def is_worse(quantity: str, before: float, after: float) -> bool:
    """Return True if a metric got worse by more than its quantity allows, or became NaN."""
    if math.isnan(before) or math.isnan(after):
        return math.isnan(after) and not math.isnan(before)
    if quantity == "order":
        return before - after > ORDER_DROP
    if quantity == "error":
        return after > ERROR_FACTOR * before
    if quantity == "states":
        return after - before > STATES_SHARE * max(before, 1.0)
    return quantity == "evaluations" and after - before > _COUNT_ROUNDING * max(before, 1.0)


def common_metrics(before: Result, after: Result) -> list[tuple[Metric, Metric]]:
    """Return the pairs of metrics of two results that can be compared.

    The errors of a gradient, and so their orders, depend on the random cotangents.  With other cotangents an
    order differed by 0.33 and an error by a factor of 2.4, so they are compared only if the seed is the same.
    """
    old = {(m.quantity, m.name): m for m in before.metrics}
    same_seed = before.seed == after.seed
    new = [m for m in after.metrics if same_seed or m.quantity not in _SEEDED]
    return [(old[m.quantity, m.name], m) for m in new if (m.quantity, m.name) in old]


def change_text(old: Metric, new: Metric) -> str:
    """Return the change of a metric in words: evaluations per step rose from 4 to 5."""
    verb = "rose" if new.value > old.value else "fell" if new.value < old.value else "went"
    factor = new.value / old.value if old.value and math.isfinite(new.value) else math.nan
    times = f" (× {number(factor)})" if new.quantity == "error" and math.isfinite(factor) else ""
    return f"{shorten(new.name)} {verb} from {number(old.value)} to {number(new.value)}{times}"
