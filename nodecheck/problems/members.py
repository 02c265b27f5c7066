"""Problems in which each member of the batch has an interval of its own."""

from __future__ import annotations

from itertools import cycle

from nodecheck.problems.problem import Problem

# Start and length of the interval of each member, as shares of that of the problem.  Lengths differ by a
# factor of up to 16.  No two starts, ends or lengths are equal, and none is the mean of all, so that an
# interval that is taken for another shows.  The first and the last member are neither longest nor shortest.
_INTERVALS = ((0.2, 1 / 3), (0.0, 1.0), (0.75, 1 / 16), (0.3, 2 / 3))


def members_of(problem: Problem) -> tuple[Problem, ...]:
    """Return each member of the batch as a problem of its own, with a batch of one and its own interval.

    Where time runs backwards in the problem, it runs forwards for every other member.  Output times of every
    other member lie at other shares of its interval.
    """
    return tuple(
        _member(problem, k, start, length)
        for k, (start, length) in zip(range(len(problem.y0)), cycle(_INTERVALS), strict=False)
    )


def _member(problem: Problem, k: int, start: float, length: float) -> Problem:
    ends = [float(problem.t0 + share * problem.duration) for share in (start, start + length)]
    other = bool(k % 2)
    t0, t1 = reversed(ends) if other and problem.duration < 0 else ends
    shares = [(t - problem.t0) / problem.duration for t in problem.ts[1:-1]]
    if other:
        shares = [1.0 - share for share in reversed(shares)]
    name = f"{problem.name}_member_{k}"
    alone = problem.replace(name=name, y0=problem.y0[k : k + 1], t0=t0, t1=t1, ts=())
    return alone.at_shares(*shares, name=name) if problem.ts else alone
