"""What a layer holds besides states: measured on a few levels, and foreseen on the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nodecheck.measure.memory.pass_memory import Pass, at_most_states
from nodecheck.numerics.growth import FLOOR_IN_STATES

# Two levels make a line, a third shows whether it is one, and the first three cost the least.
_MEASURED = 3
_NUMBER = 8  # bytes in double precision
# So many numbers for each evaluation are few: time grids, differences of them, and what they are made of.
_FEW = 64
_COUNTS = ("saved", "held", "forward", "backward")


def with_foreseen(
    wide: Mapping[int, Pass], narrow: Callable[[int], Pass]
) -> list[tuple[int, tuple[Pass, Pass]]]:
    """Return for every level a pass with the narrower state and the one with the wider state.

    Bytes are those of states, which grow with the state, and others, as of a time grid.  Passes at two state
    sizes tell one from the other.  Where the others follow a straight line in the number of evaluations, so
    closely that no more than one state is at stake at the last level, it says what a narrower pass would
    have held; else all levels are measured.  So are those of many steps where states rise so slowly that it
    may be numbers kept for each evaluation, which outweigh the states only there.

    Parameters
    ----------
    wide
        The passes with the wider state, by level.
    narrow
        Runs a pass with the narrower state at a level.
    """
    levels = list(wide)

    def measured(level: int) -> tuple[Pass, Pass]:
        return at_most_states(narrow(level), wide[level])

    found = {level: measured(level) for level in levels[:_MEASURED]}
    last = wide[levels[-1]]
    lines = {count: _line(count, list(found.values()), last) for count in _COUNTS}
    straight = all(line.straight for line in lines.values())
    size = found[levels[0]][0].state_bytes
    for level, one in list(wide.items())[_MEASURED:]:
        pair = (_foreseen(lines, one, size), one)
        doubtful = not straight or _may_be_numbers(found[levels[_MEASURED - 1]], pair)
        found[level] = measured(level) if doubtful else pair
    return list(found.items())


def _may_be_numbers(before: tuple[Pass, Pass], after: tuple[Pass, Pass]) -> bool:
    """Whether states rise by a few numbers for each evaluation, where one such number weighs a state."""
    wide = after[1]
    rise = max(_states(count, after) - _states(count, before) for count in ("forward", "backward"))
    heavy = wide.evaluations[0] * _NUMBER >= wide.state_bytes
    return heavy and FLOOR_IN_STATES < rise < _FEW * wide.evaluations[0] * _NUMBER / wide.state_bytes


def _states(count: str, pair: tuple[Pass, Pass]) -> float:
    """Return the part of a count that grows with the state, in states; 0 where nothing was counted."""
    small, large = (getattr(one, count) or 0.0 for one in pair)
    return float(large - small) / (pair[1].state_bytes - pair[0].state_bytes)


@dataclass(frozen=True)
class _Line:
    """Bytes besides states against evaluations: base + slope x; `base` is None where nothing was counted."""

    base: float | None
    slope: float = 0.0
    straight: bool = True

    def at(self, evaluations: int) -> float:
        """Return the bytes besides states at so many evaluations."""
        return (self.base or 0.0) + self.slope * evaluations


def _line(count: str, pairs: Sequence[tuple[Pass, Pass]], last: Pass) -> _Line:
    """Return the line through the first and the last level, and whether the one between lies on it."""
    if any(getattr(one, count) is None for pair in pairs for one in pair):
        return _Line(None)
    x = [after.evaluations[0] for _, after in pairs]
    besides = [_besides(count, *pair) for pair in pairs]
    if not x[0] < x[1] < x[2]:
        return _Line(besides[0], straight=len(set(besides)) == 1)
    slope = (besides[2] - besides[0]) / (x[2] - x[0])
    bend = abs(besides[1] - besides[0] - slope * (x[1] - x[0]))
    # A parabola through the three points leaves the line by so much more at the last level.
    reach = (last.evaluations[0] - x[0]) * (last.evaluations[0] - x[2]) / ((x[1] - x[0]) * (x[2] - x[1]))
    straight = max(1.0, reach) * bend <= FLOOR_IN_STATES * last.state_bytes
    return _Line(besides[0] - slope * x[0], slope, straight)


def _besides(count: str, narrow: Pass, wide: Pass) -> float:
    """Return the part of a count that does not grow with the state."""
    small, large = narrow.state_bytes, wide.state_bytes
    held_small, held_large = getattr(narrow, count), getattr(wide, count)
    return float((held_small * large - held_large * small) / (large - small))


def _foreseen(lines: Mapping[str, _Line], wide: Pass, size: int) -> Pass:
    """Return what a pass with a state of `size` bytes would have held."""
    counts = {}
    for count, line in lines.items():
        if line.base is not None:
            besides = line.at(wide.evaluations[0])
            counts[count] = besides + (getattr(wide, count) - besides) * size / wide.state_bytes
    return replace(wide, state_bytes=size, **counts)
