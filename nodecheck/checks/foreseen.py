"""What a layer holds besides states: measured on a few levels, and foreseen on the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nodecheck.checks.passes import Pass
from nodecheck.growth import FLOOR_IN_STATES

# Two levels make a line, a third shows whether it is one, and the first three cost the least.
_MEASURED = 3
_COUNTS = ("saved", "held", "forward", "backward")


def with_foreseen(
    wide: Mapping[int, Pass], narrow: Callable[[int], Pass]
) -> list[tuple[int, tuple[Pass, Pass]]]:
    """Return for every level a pass with the narrower state and the one with the wider state.

    Bytes are those of states, which grow with the state, and others, as of a time grid.  Passes at two state
    sizes tell one from the other.  Where the others follow a straight line in the number of evaluations, so
    closely that no more than one state is at stake at the last level, it says what a narrower pass would
    have held; else all levels are measured.

    Parameters
    ----------
    wide
        The passes with the wider state, by level.
    narrow
        Runs a pass with the narrower state at a level.
    """
    levels = list(wide)
    found = {level: narrow(level) for level in levels[:_MEASURED]}
    lines = {count: _line(count, found, wide) for count in _COUNTS}
    if not all(line.straight for line in lines.values()):
        return [(level, (found.get(level) or narrow(level), one)) for level, one in wide.items()]
    size = next(iter(found.values())).state_bytes
    return [(level, (found.get(level) or _foreseen(lines, one, size), one)) for level, one in wide.items()]


@dataclass(frozen=True)
class _Line:
    """Bytes besides states against evaluations: base + slope x; `base` is None where nothing was counted."""

    base: float | None
    slope: float = 0.0
    straight: bool = True

    def at(self, evaluations: int) -> float:
        """Return the bytes besides states at so many evaluations."""
        return (self.base or 0.0) + self.slope * evaluations


def _line(count: str, narrow: Mapping[int, Pass], wide: Mapping[int, Pass]) -> _Line:
    """Return the line through the first and the last level, and whether the one between lies on it."""
    pairs = [(one, wide[level]) for level, one in narrow.items()]
    if any(getattr(one, count) is None for pair in pairs for one in pair):
        return _Line(None)
    x = [after.evaluations[0] for _, after in pairs]
    besides = [_besides(count, *pair) for pair in pairs]
    if not x[0] < x[1] < x[2]:
        return _Line(besides[0], straight=len(set(besides)) == 1)
    slope = (besides[2] - besides[0]) / (x[2] - x[0])
    bend = abs(besides[1] - besides[0] - slope * (x[1] - x[0]))
    *_, last = wide.values()
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
