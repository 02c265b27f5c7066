"""Problems whose state has the log-determinant of the flow as a further component.

Along a solution, l' = tr ∂f/∂y with l(t0) = 0 gives l = log |det ∂y/∂y0|: the formula of Abel, Jacobi and
Liouville, with which continuous normalising flows compute densities (Chen et al. 2018, theorem 1).  So l is
the last component of the state (y, l) of a problem like any other, with an accurate solution, derivatives and
our own solvers beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from array_api_compat import array_namespace, device

from nodecheck.problems.linear import apply, constant, linear
from nodecheck.problems.neural import neural
from nodecheck.problems.problem import Array, Float64, Problem


@dataclasses.dataclass(frozen=True)
class WithLogDet:
    """The field of (y, l): f(t, y) beside tr(Q ∂f/∂y); by value, so that problems compare.

    Attributes
    ----------
    field
        f, in the conventions of `Problem`.
    jacobian
        ``jacobian(t, y, /, **params)``, ∂f_i/∂y_j in closed form in the same conventions, of shape
        (..., d, d); axes on which it does not depend may be missing.
    weights
        The entries of Q, shape (B, d, d), one matrix for each member of the batch; () for the identity, with
        which l is the log-determinant.  With Q = ε εᵀ it is the estimate by the noise ε.
    """

    field: Callable[..., Array]
    jacobian: Callable[..., Array]
    weights: tuple[float, ...] = ()

    def __call__(self, t: Array, z: Array, /, **params: Array) -> Array:
        """Return f(t, y) with tr(Q ∂f/∂y) as its last component, for z = (y, l)."""
        xp, y = array_namespace(z), z[..., :-1]
        products = self.jacobian(t, y, **params) * self._transposed(y)
        divergence = xp.sum(xp.sum(products, axis=-1), axis=-1) + 0.0 * z[..., -1]
        return xp.concat([self.field(t, y, **params), divergence[..., None]], axis=-1)

    def _transposed(self, y: Array) -> Array:
        """Return the transposed matrices Q; those of a batch that is repeated are repeated, too."""
        xp, size = array_namespace(y), y.shape[-1]
        if not self.weights:
            return xp.eye(size, dtype=y.dtype, device=device(y))
        q = xp.reshape(xp.asarray(self.weights, dtype=y.dtype, device=device(y)), (-1, size, size))
        return xp.concat([xp.matrix_transpose(q)] * (y.shape[-2] // q.shape[0]), axis=0)


def with_log_det(problem: Problem, jacobian: Callable[..., Array]) -> Problem:
    """Return the problem of (y, l), l being zero at t0, from the closed form of ∂f/∂y."""
    return problem.replace(
        name=f"{problem.name}_log_det",
        vector_field=WithLogDet(problem.vector_field, jacobian),
        y0=np.concatenate([problem.y0, np.zeros_like(problem.y0[:, :1])], axis=1),
        reveals="a log-determinant that is wrong, or whose gradient is",
        cite="Chen et al. (2018), theorem 1; Grathwohl et al. (2019): estimates of the trace",
    )


def has_log_det(problem: Problem) -> bool:
    """Return True if the last component of the state is a log-determinant."""
    return isinstance(problem.vector_field, WithLogDet)


def without_log_det(problem: Problem) -> Problem:
    """Return the problem of y alone."""
    return problem.replace(vector_field=problem.vector_field.field, y0=problem.y0[:, :-1])  # type: ignore[attr-defined]


def estimated_by(problem: Problem, weights: Float64) -> Problem:
    """Return the problem of (y, l) in which l is the integral of tr(Q ∂f/∂y), Q of shape (B, d, d)."""
    field = dataclasses.replace(problem.vector_field, weights=tuple(weights.ravel().tolist()))  # type: ignore[type-var]
    return problem.replace(vector_field=field)


def _of_constant(_t: Array, y: Array, /, *, c: Array) -> Array:
    return 0.0 * (c * y)[..., None] * y[..., None, :]


def _of_affine(_t: Array, _y: Array, /, *, A: Array, b: Array) -> Array:  # noqa: ARG001
    return A


def _of_network(t: Array, y: Array, /, *, W1: Array, u: Array, b1: Array, W2: Array, b2: Array) -> Array:  # noqa: ARG001
    xp = array_namespace(y)
    slope = 1.0 - xp.tanh(apply(W1, y) + u * t + b1) ** 2
    return xp.sum(W2[..., :, :, None] * slope[..., None, :, None] * W1[..., None, :, :], axis=-2)


constant_log_det = with_log_det(constant, _of_constant)
linear_log_det = with_log_det(linear, _of_affine)
neural_log_det = with_log_det(neural, _of_network)
