"""The same equation in other units: with another origin of time, and other units of time and state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nodecheck.backends.torch.uses import Answer
from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Array, Problem, neural
from nodecheck.results import Evidence
from nodecheck.variations.comparison import compare, plain_answer, resolution_of

# Times, shifts, units and steps of 3/8 are binary fractions: grids are exact, wherever they lie.
_USUAL = neural.with_interval(0.25, 1.75)


@dataclass(frozen=True)
class _Units:
    """t' = time t + shift and y' = state y in place of t and y."""

    words: str
    shift: float = 0.0
    time: float = 1.0
    state: float = 1.0

    def field(self, field: Callable[..., Array]) -> Callable[..., Array]:
        """Return the field in these units."""

        def moved(t: Array, y: Array, /, **params: Array) -> Array:
            return field((t - self.shift) / self.time, y / self.state, **params) * (self.state / self.time)

        return moved

    @property
    def problem(self) -> Problem:
        """The usual problem in these units."""
        return _USUAL.replace(
            name="neural_in_other_units",
            vector_field=self.field(_USUAL.vector_field),
            y0=self.state * _USUAL.y0,
            t0=self.time * _USUAL.t0 + self.shift,
            t1=self.time * _USUAL.t1 + self.shift,
        )

    def answers(self, layer: LayerUnderTest) -> Callable[[float], Answer]:
        """Return the usual answer at a resolution, in these units, for the same cotangent."""
        factors = {"y0": 1.0, **dict.fromkeys(_USUAL.params, self.state)}

        def answer(resolution: float) -> Answer:
            usual = _usual(layer, resolution)
            gradients = {k: None if g is None else factors[k] * g for k, g in usual.gradients.items()}
            return Answer(self.state * usual.y1, gradients, usual.evaluations)

        return answer

    @property
    def roundings(self) -> float:
        """How many times more may be rounded away: late times are, and small differences of large states."""
        latest = max(abs(self.shift + _USUAL.t0), abs(self.shift + _USUAL.t1))
        scales = (self.time, self.state)
        return max(latest, *scales, *(1 / scale for scale in scales))


_SHIFTED = tuple(
    _Units(f"on [{_USUAL.t0 + shift:g}, {_USUAL.t1 + shift:g}]", shift=shift) for shift in (-2.5, -0.5, 40.0)
)
_LARGER = _Units("for a state 1024 times as large", state=1024.0)
_SCALED = (
    _Units("on an interval 8 times as long", time=8.0),
    _Units("on an interval 1/8 as long", time=0.125),
    _LARGER,
    _Units("for a state 1/1024 as large", state=1 / 1024),
)


@check(
    title="Other units give the same answer",
    failure_title="Other units give another answer",
    theme="Forward",
    kind="identity",
    needs="backward-pass",
    profile="ci",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.1: Runge-Kutta methods and changes of variables",
)
def other_units(layer: LayerUnderTest) -> Evidence:
    """Solve f(t - s, y) from t0 + s to t1 + s: before zero, across zero, and late; nothing else may change.

    Times that are clamped, taken by their absolute value, or kept in lower precision give another answer,
    forward or backward.  A fixed-step layer has to be indifferent to units, too: f(t/8, y)/8 on an interval
    eight times as long, and 1024 f(t, y/1024) for a state 1024 times as large, are the same equation.  Powers
    of two scale exactly, and half of the digits are enough, for layers that take derivatives by differences;
    clamped steps, clipped states and thresholds do not scale.

    Not so where the number of evaluations follows a tolerance, of the step or of an iteration: such layers
    are asked for shifts alone, adaptive ones to their tolerance.
    """
    (cotangent,) = layer.cotangents(_USUAL, 1)
    units = _SHIFTED if layer.adaptive or iterates(layer) else (*_SHIFTED, *_SCALED)
    found = [
        compare(one.words, layer, one.problem, cotangent, one.answers(layer), one.roundings) for one in units
    ]
    measurements, sentences = zip(*found, strict=True)
    wrong = " ".join(filter(None, sentences))
    return Evidence(measurements, f"{wrong} Compared with the interval [0.25, 1.75]." if wrong else "")


def iterates(layer: LayerUnderTest) -> bool:
    """Whether a fixed-step layer takes as many evaluations as some tolerance asks for.

    An iteration that stops at a residual of a fixed size takes more of them for a larger state.
    """
    (cotangent,) = layer.cotangents(_USUAL, 1)
    usual = _usual(layer, resolution_of(layer)).evaluations
    larger = layer.once("larger", lambda: plain_answer(layer, _LARGER.problem, cotangent).evaluations)
    return usual != larger


def _usual(layer: LayerUnderTest, resolution: float) -> Answer:
    (cotangent,) = layer.cotangents(_USUAL, 1)
    key = ("the usual units", resolution)
    return layer.once(key, lambda: plain_answer(layer, _USUAL, cotangent, resolution))
