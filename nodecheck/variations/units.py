"""The same equation in other units: another origin of time, other units of time and state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace

from nodecheck.layers import Array as NumPyArray
from nodecheck.layers import LayerUnderTest, Pullback, Refusal, Solution, Solve, attempt
from nodecheck.measure.runaway import limit_beside
from nodecheck.numerics import EPS_FLOAT32
from nodecheck.numerics.constants import (
    COMPARED_SWEEP,
    LATE_START,
    STATE_UNIT,
    TIME_SHIFTS,
    TIME_UNIT,
    UNITS_INTERVAL,
    USUAL_STEPS,
)
from nodecheck.problems import Array, Problem, neural, spiral
from nodecheck.results import Measurement
from nodecheck.variations.comparison import (
    compare,
    compared_resolution,
    plain_solution,
    sentence,
    unchanged,
)

USUAL_UNITS = neural.with_interval(*UNITS_INTERVAL)
LATE = spiral.replace(name="spiral_late").with_interval(LATE_START, LATE_START + spiral.duration)


@dataclass(frozen=True)
class _Rescaled:
    """A vector field in other units; by value, so that problems made from it compare."""

    units: Units
    field: Callable[..., Array]

    def __call__(self, t: Array, y: Array, /, **params: Array) -> Array:
        """Return f((t - shift) / time, y / state) * state / time."""
        units = self.units
        value = self.field((t - units.shift) / units.time, y / units.state, **params)
        return value * (units.state / units.time)


@dataclass(frozen=True)
class _RescaledMotion:
    """The field (v, a) of a motion in other units: velocities are in units of state over time."""

    units: Units
    field: Callable[..., Array]

    def __call__(self, t: Array, y: Array, /, **params: Array) -> Array:
        """Return (v, a (t - shift / time, q / state, v time / state) state / time²)."""
        units, half, xp = self.units, y.shape[-1] // 2, array_namespace(y)
        q, v = y[..., :half] / units.state, y[..., half:] * (units.time / units.state)
        value = self.field((t - units.shift) / units.time, xp.concat([q, v], axis=-1), **params)
        value = value * (units.state / units.time)
        return xp.concat([value[..., :half], value[..., half:] / units.time], axis=-1)


@dataclass(frozen=True)
class Units:
    """t' = time t + shift and y' = state y in place of t and y."""

    when: str
    shift: float = 0.0
    time: float = 1.0
    state: float = 1.0

    @property
    def is_late(self) -> bool:
        """True for times so late that a layer may refuse them with an error."""
        return self.shift == max(TIME_SHIFTS)

    def problem(self, layer: LayerUnderTest) -> Problem:
        """Return the usual problem in these units."""
        usual = usual_units(layer)
        rescaled = _RescaledMotion if usual.second_order else _Rescaled
        return usual.replace(
            name="neural_in_other_units",
            vector_field=rescaled(self, usual.vector_field),
            y0=self._scale(usual) * usual.y0,
            t0=self.time * usual.t0 + self.shift,
            t1=self.time * usual.t1 + self.shift,
        )

    def expected(self, layer: LayerUnderTest) -> Callable[[float], Solution]:
        """Return the usual solution at a resolution, in these units, for the same cotangent w.

        With y' = D y the gradients for w are those for D w of the usual problem, that of y0 divided by D.
        For a number D they are D times those for w.
        """
        problem = usual_units(layer)
        scale = self._scale(problem)
        (cotangent,) = layer.cotangents(problem, 1)
        weights = scale / self.state
        factors = {"y0": 1.0 / weights, **dict.fromkeys(problem.params, self.state)}

        def solution(resolution: float) -> Solution:
            usual = plain_solution(layer, problem, weights * cotangent, resolution)
            gradients = {k: None if g is None else factors[k] * g for k, g in usual.gradients.items()}
            pullback = Pullback(gradients, usual.pullbacks[0].calls)
            return replace(usual, y1=scale * usual.y1, pullbacks=(pullback,))

        return solution

    def _scale(self, problem: Problem) -> NumPyArray:
        """Return the factor of every component of the state: of velocities it is state over time."""
        width = int(problem.y0.shape[-1])
        scale = np.full(width, self.state)
        if problem.second_order:
            scale[width // 2 :] /= self.time
        return scale

    @property
    def roundings(self) -> float:
        """Factor by which more may be rounded away: late times are, and small differences of large states."""
        latest = max(abs(self.shift + USUAL_UNITS.t0), abs(self.shift + USUAL_UNITS.t1))
        scales = (self.time, self.state)
        return max(latest, *scales, *(1 / scale for scale in scales))


SHIFTED = tuple(
    Units(f"on [{USUAL_UNITS.t0 + shift:g}, {USUAL_UNITS.t1 + shift:g}]", shift=shift)
    for shift in TIME_SHIFTS
)
_LARGER = Units(f"for a state {STATE_UNIT:g} times as large", state=STATE_UNIT)
SCALED = (
    Units(f"on an interval {TIME_UNIT:g} times as long", time=TIME_UNIT),
    Units(f"on an interval 1/{TIME_UNIT:g} as long", time=1 / TIME_UNIT),
    _LARGER,
    Units(f"for a state 1/{STATE_UNIT:g} as large", state=1 / STATE_UNIT),
)


def usual_units(layer: LayerUnderTest) -> Problem:
    """Return the problem that a layer solves in several units."""
    return layer.counterpart(USUAL_UNITS)


def units_for(layer: LayerUnderTest) -> tuple[Units, ...]:
    """Return the units in which a layer is asked for the same answer.

    Shifts of time alone where the number of evaluations follows a tolerance.
    """
    return SHIFTED if layer.adaptive or iterates(layer) else (*SHIFTED, *SCALED)


def judge_late_in_float32(layer: LayerUnderTest) -> tuple[tuple[Measurement, ...], str, str]:
    """Return the change of a float32 solution of an autonomous field at a late t0, a sentence, and a refusal.

    The field does not depend on time, and times that are kept in float64 give steps of the same length to
    eps t0, far below the rounding of the state.  Nothing is measured where float32 is refused, or where an
    iteration to a tolerance below its rounding goes on for ever; late times may be refused with an error.
    """
    tolerance = COMPARED_SWEEP[-1]
    resolution = layer.resolution(tol=tolerance, n_steps=USUAL_STEPS)
    usual, late = layer.counterpart(spiral), layer.counterpart(LATE)
    (cotangent,) = layer.cotangents(usual, 1)
    limit = limit_beside(plain_solution(layer, usual, cotangent, resolution))

    def solved(problem: Problem) -> Solution | Refusal:
        solve = Solve(problem, resolution, dtype="float32", limit=limit)
        return attempt(lambda: layer.solution(solve, (cotangent,)))

    expected = solved(usual)
    if isinstance(expected, Refusal):
        return (), "", ""
    found, when = solved(late), f"in float32 where t0 is {LATE_START:g} and not {spiral.t0:g}"
    if isinstance(found, Refusal):
        return (), "", when
    change = compare(layer, late, found, expected, tolerance=tolerance, eps=EPS_FLOAT32)
    measurement = unchanged(when, change)
    why = "Although the field does not depend on time: times or steps are kept in float32."
    return (measurement,), "" if measurement.holds else f"{sentence(change, when)} {why}", ""


def iterates(layer: LayerUnderTest) -> bool:
    """Return True if the evaluations of a fixed-step layer follow some tolerance.

    An iteration that stops at a residual of a fixed size takes more of them for a larger state.
    """
    (cotangent,) = layer.cotangents(usual_units(layer), 1)
    usual = _usual(layer, compared_resolution(layer))
    larger = plain_solution(layer, _LARGER.problem(layer), cotangent)
    return usual.all_evaluations != larger.all_evaluations


def _usual(layer: LayerUnderTest, resolution: float) -> Solution:
    problem = usual_units(layer)
    (cotangent,) = layer.cotangents(problem, 1)
    return plain_solution(layer, problem, cotangent, resolution)
