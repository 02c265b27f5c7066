"""Memory of passes with the narrower of two states: measured on a few levels, predicted on the others.

The bytes of a pass are those of states, which grow with the size of the state, and all the rest, such as a
time grid, which does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nodecheck.measure.memory.pass_memory import PassMemory, at_most_states
from nodecheck.numerics.constants import (
    BYTES_OF_A_NUMBER,
    FEW_NUMBERS_PER_EVALUATION,
    FLOOR_IN_STATES,
    MEASURED_NARROW_LEVELS,
)

_AT_PEAK = ("forward", "backward")
_COUNTS = ("saved", "held", *_AT_PEAK)


def with_predicted(
    wide: Mapping[int, PassMemory], narrow: Callable[[int], PassMemory]
) -> list[tuple[int, tuple[PassMemory, PassMemory]]]:
    """Return for every level a pass with the narrower state and the one with the wider state.

    Passes at two state sizes separate the bytes of states from the rest.  On the first levels both are
    measured.  On the others the narrower one is predicted if the rest follows a straight line in the number
    of evaluations, so closely that at the last level it is off by at most one state.  There are two reasons
    to measure a level all the same: the rest does not follow a line, or the states rise so little up to it
    that the rise may be a few numbers kept for each evaluation, which are as many bytes as a state there.

    Parameters
    ----------
    wide
        The passes with the wider state, by level.
    narrow
        Runs a pass with the narrower state at a level.
    """
    levels = list(wide)

    def measured(level: int) -> tuple[PassMemory, PassMemory]:
        return at_most_states(narrow(level), wide[level])

    found = {level: measured(level) for level in levels[:MEASURED_NARROW_LEVELS]}
    last = wide[levels[-1]]
    lines = {count: _line(count, list(found.values()), last) for count in _COUNTS}
    straight = all(line.straight for line in lines.values())
    size = found[levels[0]][0].state_bytes
    for level, one in list(wide.items())[MEASURED_NARROW_LEVELS:]:
        pair = (_predicted(lines, one, size), one)
        doubtful = not straight or _may_be_numbers(found[levels[MEASURED_NARROW_LEVELS - 1]], pair)
        found[level] = measured(level) if doubtful else pair
    return list(found.items())


def _may_be_numbers(before: tuple[PassMemory, PassMemory], after: tuple[PassMemory, PassMemory]) -> bool:
    """Return True if a rise of the states from one level to another may be numbers and no states.

    One number for each evaluation is then at least as many bytes as a state, and the rise is more than one
    state and less than a few numbers for each evaluation.
    """
    wide = after[1]
    rise = max(_states(count, after) - _states(count, before) for count in _AT_PEAK)
    states_of_a_number = wide.evaluations[0] * BYTES_OF_A_NUMBER / wide.state_bytes
    return states_of_a_number >= 1 and (
        FLOOR_IN_STATES < rise < FEW_NUMBERS_PER_EVALUATION * states_of_a_number
    )


def _states(count: str, pair: tuple[PassMemory, PassMemory]) -> float:
    """Return the part of a count that grows with the state, in states; 0 where nothing was counted."""
    small, large = (getattr(one, count) or 0.0 for one in pair)
    return float(large - small) / (pair[1].state_bytes - pair[0].state_bytes)


@dataclass(frozen=True)
class _Line:
    """The bytes that are no states, as base + slope x evaluations; `base` is None where none were counted."""

    base: float | None
    slope: float = 0.0
    straight: bool = True

    def at(self, evaluations: int) -> float:
        """Return the bytes that are no states in a pass of so many evaluations."""
        return (self.base or 0.0) + self.slope * evaluations


def _line(count: str, pairs: Sequence[tuple[PassMemory, PassMemory]], last: PassMemory) -> _Line:
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


def _besides(count: str, narrow: PassMemory, wide: PassMemory) -> float:
    """Return the part of a count that does not grow with the state."""
    small, large = narrow.state_bytes, wide.state_bytes
    held_small, held_large = getattr(narrow, count), getattr(wide, count)
    return float((held_small * large - held_large * small) / (large - small))


def _predicted(lines: Mapping[str, _Line], wide: PassMemory, size: int) -> PassMemory:
    """Return a pass as it would have been with a state of `size` bytes."""
    counts = {}
    for count, line in lines.items():
        if line.base is not None:
            besides = line.at(wide.evaluations[0])
            counts[count] = besides + (getattr(wide, count) - besides) * size / wide.state_bytes
    return replace(wide, state_bytes=size, **counts)
