"""The energy of a conservative motion over a long time: information, by which no layer is judged."""

from __future__ import annotations

import numpy as np

from nodecheck.layers import Array, LayerUnderTest, Refusal, attempt
from nodecheck.numerics import rms
from nodecheck.numerics.constants import (
    ENERGY_DRIFT,
    ENERGY_EVALUATIONS,
    ENERGY_LOOKS,
    ENERGY_STEP,
    ENERGY_STEPS,
)
from nodecheck.problems import pendulum
from nodecheck.results import Series, finite_or_nan


def energy_over_time(layer: LayerUnderTest) -> tuple[dict[str, str], tuple[Series, ...]]:
    """Return whether the energy of a pendulum drifts, as a fact, and the curve of its error.

    A symplectic method keeps the energy to h^p for a very long time (Hairer, Lubich & Wanner 2006, sec.
    IX.8); the error of others grows with time.  Neither is wrong.  Nothing is returned of a layer that is
    dear, raises an error or is not of second order.
    """
    if not layer.of_second_order or layer.adaptive:
        return {}, ()
    steps = [ENERGY_STEPS * k // ENERGY_LOOKS for k in range(1, ENERGY_LOOKS + 1)]
    if layer.evaluations_per_step(pendulum) * sum(steps) > ENERGY_EVALUATIONS:
        return {}, ()
    found = attempt(lambda: [_errors(layer, n) for n in steps])
    if isinstance(found, Refusal):
        return {}, ()
    times = tuple(n * ENERGY_STEP for n in steps)
    curve = Series(
        "Energy",
        f"pendulum, h = {ENERGY_STEP:g}",
        times,
        finite_or_nan(error[0] for error in found),
        "t - t0",
        "change of the energy",
        "points",
    )
    return {"energy": _described(found)}, (curve,)


def _described(errors: list[Array]) -> str:
    """Return the energy error in words: it stays, or it has grown from the first to the second half."""
    half = len(errors) // 2
    before, after = (rms(np.array(part)) for part in (errors[:half], errors[half:]))
    over = f"of a pendulum over {ENERGY_STEPS} steps of {ENERGY_STEP:g}"
    if after <= ENERGY_DRIFT * before:
        return f"stays within {float(np.max(np.abs(errors))):.1g} {over}"
    return f"drifts by {after:.1g} {over}"


def _errors(layer: LayerUnderTest, n_steps: int) -> Array:
    """Return the change of the energy of every member, after so many steps of equal length."""
    motion = pendulum.with_interval(pendulum.t0, pendulum.t0 + n_steps * ENERGY_STEP)
    return _energy(layer.solve(motion, n_steps, wrt=()).y1) - _energy(motion.y0)


def _energy(y: Array) -> Array:
    energy: Array = y[:, 1] ** 2 / 2 - float(pendulum.params["g"]) * np.cos(y[:, 0])
    return energy
