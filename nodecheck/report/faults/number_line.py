"""The times at which a field is evaluated, on a line over the interval; those that should not be are red."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from nodecheck.report import svg
from nodecheck.report.scales import Scale, linear_scale
from nodecheck.results import Series

# Lengths in units of the drawing.
_WIDTH, _LEFT, _RIGHT = 440.0, 90.0, 14.0
_TOP, _LANE = 26.0, 34.0  # of the first line, and from one to the next
_TALL, _SHORT = 8.0, 4.0  # half of a mark: of a step that was asked for, and of an evaluation
_LABEL = 3.4  # from the base line of a text to its middle
_NUMBERS = 22.0  # from the last line to the numbers of the axis
_BELOW = 30.0  # of the last line
_SAME = 1e-3  # of a step: times that are nearer to an end are at the end


def number_line(series: Sequence[Series]) -> Markup:
    """Return a line for each pass below that of the steps asked for.

    Red are times outside of the interval, and the steps in which a pass evaluates nothing, as bars.
    """
    asked, *passes = series
    t0, t1 = asked.x[0], asked.x[-1]
    scale = linear_scale([x for s in series for x in s.x])
    height = _TOP + _LANE * len(passes) + _BELOW
    body: list[Markup] = list(_line(asked, 0, scale, t0, t1, _TALL))
    for k, one in enumerate(passes, start=1):
        body += _line(one, k, scale, t0, t1, _SHORT)
        body += [
            svg.path([[(_x(scale, a), _y(k)), (_x(scale, b), _y(k))]], "missing")
            for a, b in empty_steps(asked, one)
        ]
    bottom = _y(len(passes)) + _NUMBERS
    body += [svg.label(text, _x(scale, v), bottom, "middle") for v, text in _ends(t0, t1)]
    words = ", ".join(f"{s.label}: {len(s.x)} times" for s in series)
    return svg.drawing(_WIDTH, height, title="Evaluation times", description=words, body=body)


def outside(asked: Series, one: Series) -> list[float]:
    """Return the times that are not in the interval."""
    t0, t1 = sorted((asked.x[0], asked.x[-1]))
    margin = _SAME * _step(asked)
    return [t for t in one.x if not t0 - margin <= t <= t1 + margin]


def empty_steps(asked: Series, one: Series) -> list[tuple[float, float]]:
    """Return the steps within which a pass evaluates nothing.

    The ends of a step are also those of its neighbours.  They count only if the pass evaluates at ends
    alone, as that of Euler's method does.
    """
    margin = _SAME * _step(asked)
    steps = [(min(pair), max(pair)) for pair in zip(asked.x, asked.x[1:], strict=False)]
    inside = [any(a + margin < t < b - margin for t in one.x) for a, b in steps]
    if 2 * sum(inside) <= len(steps):
        inside = [any(a - margin <= t <= b + margin for t in one.x) for a, b in steps]
    return [step for step, seen in zip(steps, inside, strict=True) if not seen]


def _step(asked: Series) -> float:
    return abs(asked.x[-1] - asked.x[0]) / max(len(asked.x) - 1, 1)


def _line(one: Series, lane: int, scale: Scale, t0: float, t1: float, half: float) -> Iterator[Markup]:
    """Yield a line from t0 to t1 with a mark at each time, those outside of it in red, and its label."""
    y = _y(lane)
    low, high = sorted((t0, t1))
    margin = 1e-6 * (high - low)
    yield svg.label(one.label, 0, y + _LABEL)
    yield svg.path([[(_x(scale, t0), y), (_x(scale, t1), y)]], "axis")
    inside = [t for t in one.x if low - margin <= t <= high + margin]
    beyond = [t for t in one.x if not low - margin <= t <= high + margin]
    if beyond:
        ends = [min(low, *beyond), max(high, *beyond)]
        yield svg.path([[(_x(scale, ends[0]), y), (_x(scale, ends[1]), y)]], "axis")
    for times, kind in ((inside, "asked" if half == _TALL else "tick"), (beyond, "extra")):
        tall = half * (1.6 if kind == "extra" else 1.0)
        yield svg.path([[(_x(scale, t), y - tall), (_x(scale, t), y + tall)] for t in times], kind)


def _ends(t0: float, t1: float) -> tuple[tuple[float, str], ...]:
    return (t0, f"t0 = {t0:.4g}"), (t1, f"t1 = {t1:.4g}")


def _x(scale: Scale, value: float) -> float:
    return _LEFT + scale.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(lane: int) -> float:
    return _TOP + lane * _LANE
