"""The problems of second order: what they keep, and what our own solvers show on them."""

from __future__ import annotations

import numpy as np
import pytest
from test_problems import _group_errors

from nodecheck.problems import MECHANICS, ORDER_PROBLEMS, as_force, henon_heiles, kepler, pendulum, spiral
from nodecheck.reference import trajectory

# Not this one: with velocities its force is too uneven, and a pendulum stands for it.
FORCES = [
    as_force(problem, separable=separable)
    for problem in ORDER_PROBLEMS
    for separable in (False, True)
    if problem is not spiral
]
ASKED = [*MECHANICS, *FORCES]


@pytest.mark.parametrize("problem", ASKED, ids=[f"{p.name}-{k}" for k, p in enumerate(ASKED)])
@pytest.mark.parametrize(("order", "levels", "margin"), [(1, (64, 128, 256), 0.1), (4, (16, 32, 64), 0.2)])
def test_a_problem_of_second_order_is_asymptotic(problem, order, levels, margin):
    errors = [_group_errors(problem, order, n) for n in levels]
    for name in errors[0]:
        slope = -np.polyfit(np.log2(levels), np.log2([error[name] for error in errors]), 1)[0]
        assert abs(slope - order) <= margin, f"{name}: {slope:.3f}"


def kinetic(y):
    return np.sum(np.split(y, 2, axis=-1)[1] ** 2, axis=-1) / 2


def of_pendulum(y):
    return kinetic(y) - float(pendulum.params["g"]) * np.cos(y[..., 0])


def of_henon_heiles(y):
    x, z = y[..., 0], y[..., 1]
    return kinetic(y) + (x**2 + z**2) / 2 + float(henon_heiles.params["strength"]) * (x**2 * z - z**3 / 3)


def of_kepler(y):
    return kinetic(y) - float(kepler.params["mass"]) / np.hypot(y[..., 0], y[..., 1])


@pytest.mark.parametrize(
    ("problem", "energy"),
    [(pendulum, of_pendulum), (henon_heiles, of_henon_heiles), (kepler, of_kepler)],
    ids=lambda x: getattr(x, "name", ""),
)
def test_a_conservative_motion_keeps_its_energy(problem, energy):
    y1 = trajectory(problem, [problem.t1])[0]
    assert energy(y1) == pytest.approx(energy(problem.y0), rel=1e-10)
