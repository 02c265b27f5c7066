"""Adequacy of a problem: the features by which a bug could show on it, computed from the reference.

A check on a degenerate problem proves nothing.  Where df/dy = 0, a layer without the adjoint equation returns
the right gradient.  A check therefore names the features that it needs, and a problem without one of them
decides nothing.
"""

from __future__ import annotations

import enum
import functools
import itertools

import numpy as np

from nodecheck.numerics.constants import (
    CACHED_REFERENCES,
    FEATURE_CHANGE,
    FEATURE_SAMPLES,
    SMALLEST_JUMP,
    SMOOTH_RATIO,
    SMOOTH_SAMPLES,
)
from nodecheck.problems import Float64, Problem, is_own
from nodecheck.reference.complex_step import jacobians
from nodecheck.reference.remembered import Remembered
from nodecheck.reference.sensitivity import sensitivity
from nodecheck.reference.trajectory import trajectory


class Feature(enum.StrEnum):
    """A property of a problem without which some class of bugs cannot show on it."""

    TIME_DEPENDENT = "time_dependent"  # ∂f/∂t is not 0: shows wrong times in either pass
    STATE_DEPENDENT = "state_dependent"  # ∂f/∂y is not 0: shows an adjoint that is not propagated
    NONSYMMETRIC = "nonsymmetric"  # J differs from its transpose: shows a transposed product
    NONNORMAL = "nonnormal"  # J does not commute with its transpose: shows products in the wrong order
    NONLINEAR = "nonlinear"  # J depends on y: shows a Jacobian at the wrong state
    SIZES_DIFFER = "sizes_differ"  # the batch is no other axis's length: shows sums over the wrong axis
    MOVING = "moving"  # dy1/dy0 differs from the identity: shows an adjoint that is left as it was
    AT_REST = "at_rest"  # f is 0 along the trajectory: shows a backward step control that looks at the state
    KINKED = "kinked"  # J jumps along the solution, as for ReLU: no method has its order there
    CONTRACTIVE = "contractive"  # trajectories approach each other: going back in time amplifies errors


@Remembered
def features(problem: Problem) -> frozenset[Feature]:
    """Return the features that a problem has on its own trajectory.

    Raises
    ------
    ReferenceFailure
        If the reference solution cannot be computed.
    """
    kinked = not _smooth(problem)
    present = {
        **_field_features(problem),
        Feature.KINKED: kinked,
        Feature.SIZES_DIFFER: _sizes_differ(problem),
        # At kinks exact derivatives take long, and decide nothing.
        Feature.MOVING: not kinked and _moving(problem),
    }
    return frozenset(feature for feature, holds in present.items() if holds)


@functools.lru_cache(maxsize=CACHED_REFERENCES)
def group_weights(problem: Problem) -> dict[str, float]:
    """Return the size of each group's gradient relative to the largest: "y0" and each parameter, in [0, 1].

    The size is the Frobenius norm of the Jacobian, which is the root mean square of the gradient's norm over
    standard normal cotangents.  A group below `SMALLEST_WEIGHT` should not be judged on this problem.

    Raises
    ------
    ReferenceFailure
        If the reference gradient cannot be computed.
    """
    sizes = {name: float(np.linalg.norm(array)) for name, array in sensitivity(problem).jacobians.items()}
    return {name: size / max(sizes.values()) for name, size in sizes.items()}


def without_effect(problem: Problem) -> frozenset[str]:
    """Return the groups of parameters on which the field does not depend, at any of some times and states."""
    states = np.vstack([problem.y0, problem.y0[::-1] + 1.0])
    found = [jacobians(problem, t, states)[1] for t in np.linspace(problem.t0, problem.t1, FEATURE_SAMPLES)]
    return frozenset(name for name in found[0] if not any(at[name].any() for at in found))


def _field_features(problem: Problem) -> dict[Feature, bool]:
    """Return the features of the field and its Jacobian, by their largest values along the trajectory."""
    f, jac, df_dt, at_start = _along_trajectory(problem)
    length, transposed = abs(problem.duration), np.swapaxes(jac, -1, -2)
    size = _norm(jac)
    # The shape of a Jacobian does not matter where the Jacobian itself is too small to matter.
    scale = np.maximum(size, FEATURE_CHANGE / length)
    logarithmic_norm = np.linalg.eigvalsh(np.sign(problem.duration) * (jac + transposed) / 2)[..., -1]
    return {
        Feature.TIME_DEPENDENT: np.abs(df_dt).max() * length > FEATURE_CHANGE * np.abs(f).max(),
        Feature.STATE_DEPENDENT: size.max() * length > FEATURE_CHANGE,
        Feature.NONSYMMETRIC: (_norm(jac - transposed) / scale).max() > FEATURE_CHANGE,
        Feature.NONNORMAL: (_norm(jac @ transposed - transposed @ jac) / scale**2).max() > FEATURE_CHANGE,
        Feature.NONLINEAR: _norm(jac - at_start).max() * length > FEATURE_CHANGE,
        Feature.AT_REST: np.abs(f).max() == 0.0,
        Feature.CONTRACTIVE: logarithmic_norm.max() * length < -FEATURE_CHANGE,
    }


def _along_trajectory(problem: Problem) -> tuple[Float64, Float64, Float64, Float64]:
    """Return f, df/dy and df/dt along the trajectory, and df/dy at y0; the first axis is time."""
    times = np.linspace(problem.t0, problem.t1, FEATURE_SAMPLES)
    states = trajectory(problem, times)
    f = np.stack(
        [problem.vector_field(np.asarray(t), y, **problem.params) for t, y in zip(times, states, strict=True)]
    )
    along = [jacobians(problem, t, y) for t, y in zip(times, states, strict=True)]
    at_start = np.stack([jacobians(problem, t, problem.y0)[0] for t in times])
    return f, np.stack([a[0] for a in along]), np.stack([a[2] for a in along]), at_start


def _smooth(problem: Problem) -> bool:
    """Return True if the Jacobian does not jump along the trajectory; of the suite that is known.

    Its largest change between two times is halved where the times are twice as many, unless it jumps.
    """
    if not is_own(problem):
        return True
    pairs = itertools.pairwise(_largest_change(problem, count) for count in SMOOTH_SAMPLES)
    return any(fine <= max(SMOOTH_RATIO * coarse, SMALLEST_JUMP) for coarse, fine in pairs)


def _largest_change(problem: Problem, count: int) -> float:
    """Return the largest change of J from one of so many times to the next, relative to its largest norm."""
    times = np.linspace(problem.t0, problem.t1, count + 1)
    states = trajectory(problem, times)
    found = np.stack([jacobians(problem, t, y)[0] for t, y in zip(times, states, strict=True)])
    size = float(_norm(found).max())
    return float(_norm(np.diff(found, axis=0)).max()) / size if size else 0.0


def _norm(matrices: Float64) -> Float64:
    """Return the Frobenius norm of each matrix."""
    return np.asarray(np.linalg.norm(matrices, axis=(-2, -1)))


def _sizes_differ(problem: Problem) -> bool:
    """Return True if the batch and the state are longer than 1, and no axis is as long as the batch."""
    batch, size = problem.y0.shape
    lengths = {size}.union(*(value.shape for value in problem.params.values()))
    return min(batch, size) > 1 and batch not in lengths


def _moving(problem: Problem) -> bool:
    """Return True if the adjoint changes: dy1/dy0 maps the cotangent at t1 to that at t0."""
    away = sensitivity(problem).jacobians["y0"] - np.eye(problem.y0.shape[1])
    return bool(_norm(away).max() > FEATURE_CHANGE * np.sqrt(problem.y0.shape[1]))
