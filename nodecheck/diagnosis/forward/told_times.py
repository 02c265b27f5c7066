"""Times that are told to the field and are not those of the steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from nodecheck.layers import Call
from nodecheck.numerics.constants import LADDER_START, MINIMUM_LEVELS
from nodecheck.problems import Problem

_REMEDY = "Tell the field the time at which each stage is: t0 + i h + c h."


def explain_told_times(who: str, calls: Callable[[int], Sequence[Call]], problem: Problem) -> str:
    """Return where the times told to the field begin and end as h → 0.

    Parameters
    ----------
    who
        The field, and where it is evaluated: "In the backward pass the field".
    calls
        ``calls(n_steps)``, those of one pass.
    """
    levels = [sorted(call.t for call in calls(LADDER_START * 2**k)) for k in range(MINIMUM_LEVELS)]
    seen = f"{who} is told other times than those of the steps, however many steps there are"
    if not all(times and math.isfinite(math.fsum(times)) for times in levels):
        return f"{seen}. {_REMEDY}"
    ends = sorted((problem.t0, problem.t1))
    off = [
        text
        for which, end, k in zip(("earliest", "latest"), ends, (0, -1), strict=True)
        if (text := _limit(which, [times[k] for times in levels], end))
    ]
    between = "the earliest and the latest are right, those between are not"
    return f"{seen}: {' and '.join(off) or between}. {_REMEDY}"


def _limit(which: str, times: Sequence[float], end: float) -> str:
    """Return the limit of a time as h → 0, from its values at h, h/2 and h/4; "" if that is the end."""
    before, last = (2 * fine - coarse for coarse, fine in itertools.pairwise(times))
    if 2 * abs(last - end) <= abs(before - end) or math.isclose(last, end):
        return ""
    return f"the {which} tends to {last:.6g}, not to {end:.6g}"
