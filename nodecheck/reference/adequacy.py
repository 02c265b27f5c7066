"""Could a check fail on this problem at all?  Computed from the reference, never declared.

A check on a degenerate problem proves nothing: where df/dy = 0, a layer that forgets the adjoint equation
returns the right gradient.  A check names the features it needs; a problem that lacks one cannot decide it.
"""

from __future__ import annotations

import enum
import functools

import numpy as np

from nodecheck.problems import Float64, Problem
from nodecheck.reference.complex_step import jacobians
from nodecheck.reference.sensitivity import sensitivity
from nodecheck.reference.trajectory import trajectory

# A property counts as present if confusing it with its absence changes what enters the gradient by over 10 %.
# A layer on a usable grid is within 1 % or so of the exact gradient: such a bug stands ten times above that.
CHANGE = 0.1
# A group whose gradient is smaller than this, relative to the largest, is not judged: rounding and truncation
# made in the large groups would appear in it as errors that are not its own.
SMALLEST_WEIGHT = 1e-3
# Times at which the field is looked at, ends included: enough not to hit the zeros of one oscillation only,
# and odd, so that the middle is among them.
SAMPLES = 9


class Feature(enum.StrEnum):
    """What a problem must have for a class of bugs to show on it."""

    TIME_DEPENDENT = "time_dependent"  # ∂f/∂t: wrong times in either pass
    STATE_DEPENDENT = "state_dependent"  # ∂f/∂y: an adjoint that is not propagated
    NONSYMMETRIC = "nonsymmetric"  # J differs from its transpose: a transposed product
    NONNORMAL = "nonnormal"  # J does not commute with its transpose: products in the wrong order
    NONLINEAR = "nonlinear"  # J depends on y: a Jacobian at the wrong state
    SIZES_DIFFER = "sizes_differ"  # the batch is no other axis's length: sums over the wrong axis
    MOVING = "moving"  # dy1/dy0 differs from the identity: an adjoint that stays as it was
    CONTRACTIVE = "contractive"  # trajectories approach: going back in time amplifies errors


@functools.lru_cache(maxsize=256)
def features(problem: Problem) -> frozenset[Feature]:
    """Return the features that a problem has on its own trajectory."""
    present = {
        **_field_features(problem),
        Feature.SIZES_DIFFER: _sizes_differ(problem),
        Feature.MOVING: _moving(problem),
    }
    return frozenset(feature for feature, holds in present.items() if holds)


@functools.lru_cache(maxsize=256)
def group_weights(problem: Problem) -> dict[str, float]:
    """Return the size of each group's gradient relative to the largest: "y0" and each parameter, in [0, 1].

    The size is the Frobenius norm of the Jacobian, which is the root mean square of the gradient's norm over
    standard normal cotangents.  A group below `SMALLEST_WEIGHT` should not be judged on this problem.
    """
    sizes = {name: float(np.linalg.norm(array)) for name, array in sensitivity(problem).jacobians.items()}
    return {name: size / max(sizes.values()) for name, size in sizes.items()}


def _field_features(problem: Problem) -> dict[Feature, bool]:
    """Judge the field and its Jacobian along the trajectory, by the largest value met there."""
    times = np.linspace(problem.t0, problem.t1, SAMPLES)
    states = trajectory(problem, times)
    f = np.stack(
        [problem.vector_field(np.asarray(t), y, **problem.params) for t, y in zip(times, states, strict=True)]
    )
    along = [jacobians(problem, t, y) for t, y in zip(times, states, strict=True)]
    jac, df_dt = np.stack([a[0] for a in along]), np.stack([a[2] for a in along])
    at_start = np.stack([jacobians(problem, t, problem.y0)[0] for t in times])
    length, transposed = abs(problem.duration), np.swapaxes(jac, -1, -2)
    size = _norm(jac)
    scale = np.maximum(size, CHANGE / length)  # the shape of a Jacobian too small to matter does not matter
    logarithmic_norm = np.linalg.eigvalsh(np.sign(problem.duration) * (jac + transposed) / 2)[..., -1]
    return {
        Feature.TIME_DEPENDENT: np.abs(df_dt).max() * length > CHANGE * np.abs(f).max(),
        Feature.STATE_DEPENDENT: size.max() * length > CHANGE,
        Feature.NONSYMMETRIC: (_norm(jac - transposed) / scale).max() > CHANGE,
        Feature.NONNORMAL: (_norm(jac @ transposed - transposed @ jac) / scale**2).max() > CHANGE,
        Feature.NONLINEAR: _norm(jac - at_start).max() * length > CHANGE,
        Feature.CONTRACTIVE: logarithmic_norm.max() * length < -CHANGE,
    }


def _norm(matrices: Float64) -> Float64:
    """Return the Frobenius norm of each matrix."""
    return np.asarray(np.linalg.norm(matrices, axis=(-2, -1)))


def _sizes_differ(problem: Problem) -> bool:
    batch, size = problem.y0.shape
    lengths = {size}.union(*(value.shape for value in problem.params.values()))
    return min(batch, size) > 1 and batch not in lengths


def _moving(problem: Problem) -> bool:
    """Tell whether the adjoint changes: dy1/dy0 maps the cotangent at t1 to that at t0."""
    away = sensitivity(problem).jacobians["y0"] - np.eye(problem.y0.shape[1])
    return bool(_norm(away).max() > CHANGE * np.sqrt(problem.y0.shape[1]))
