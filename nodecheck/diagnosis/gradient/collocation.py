"""One accurate solver for all adjoint equations, right and wrong: Gauss collocation on given panels.

Every hypothesis about a backward pass is a linear equation a' = -M(t) a with a parameter integral; the
hypotheses differ in M, in where J is evaluated and in the interval.  So the solver takes J as arrays.
Hairer, Norsett & Wanner (1993), sec. II.7.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from nodecheck.diagnosis.gradient.observation import Jacobians
from nodecheck.numerics.constants import COLLOCATION_STAGES
from nodecheck.problems import Float64, Problem
from nodecheck.reference.complex_step import field_tangents


@dataclasses.dataclass(frozen=True, eq=False)
class Mesh:
    """Collocation nodes on [start, end]: ``nodes`` (P, S) and signed panel ``widths`` (P,)."""

    nodes: Float64
    widths: Float64

    @property
    def weights(self) -> Float64:
        """Quadrature weights, shape (P, S)."""
        return self.widths[:, None] * _gauss()[1]


@dataclasses.dataclass(frozen=True, eq=False)
class FieldJacobians:
    """Jacobians of the field on a mesh: ``state`` (P, S, B, d, d) and ``params`` (P, S, B, d, n)."""

    mesh: Mesh
    state: Float64
    params: Float64


@dataclasses.dataclass(frozen=True, eq=False)
class AdjointSolution:
    """Transition matrix X of an adjoint, a(t) = X(t) a(end).

    ``nodes`` holds it on the nodes (P, S, B, d, d), ``start`` at the start (B, d, d).
    """

    nodes: Float64
    start: Float64


@functools.lru_cache(maxsize=1)
def _gauss() -> tuple[Float64, Float64, Float64]:
    """Return Gauss nodes and weights on [0, 1], and R[i, j], the integral of l_j over [c_i, 1]."""
    x, w = np.polynomial.legendre.leggauss(COLLOCATION_STAGES)
    c = (x + 1.0) / 2.0
    powers = np.arange(COLLOCATION_STAGES)
    antiderivative = (1.0 - c[:, None] ** (powers + 1)) / (powers + 1)
    return c, w / 2.0, antiderivative @ _lagrange(c)


def _lagrange(c: Float64) -> Float64:
    """Return the coefficients of the Lagrange polynomials of the nodes: column j holds l_j."""
    return np.asarray(np.linalg.inv(c[:, None] ** np.arange(c.size)))


def make_mesh(knots: Float64) -> Mesh:
    """Return Gauss nodes on the panels between the knots."""
    widths = np.diff(knots)
    return Mesh(knots[:-1, None] + widths[:, None] * _gauss()[0], widths)


def field_jacobians(problem: Problem, mesh: Mesh, times: Float64, states: Float64) -> FieldJacobians:
    """Return the Jacobians of the field at the given times (P, S) and states (P, S, B, d).

    Nodes that share their time share one call of the field: a frozen time costs one call in all.
    """
    batch, d = problem.y0.shape
    flat_times, flat = times.reshape(-1), states.reshape(-1, batch, d)
    table = np.empty((flat_times.size, batch, d, d + sum(value.size for value in problem.params.values())))
    for time in np.unique(flat_times):
        at = np.flatnonzero(flat_times == time)
        tangents = field_tangents(problem, float(time), flat[at].reshape(-1, d))[1]
        table[at] = np.moveaxis(tangents, 0, -1).reshape(at.size, batch, d, -1)
    table = table.reshape(*times.shape, batch, d, -1)
    return FieldJacobians(mesh, table[..., :d], table[..., d:])


def solve(mesh: Mesh, matrix: Float64) -> AdjointSolution:
    """Solve X' = -M X backward from X(end) = I, for M = ``matrix`` of shape (P, S, B, d, d).

    The adjoint is M = J transposed.  Each panel is one linear system for its stages; all panels are solved
    at once, and their transition matrices multiplied in order.
    """
    panels, stages, batch, d = matrix.shape[:4]
    weights, remaining = _gauss()[1:]
    scaled = mesh.widths[:, None, None, None, None] * matrix
    blocks = np.einsum("ij,pjbxy->pbixjy", remaining, scaled)
    size = stages * d
    system = np.eye(size) - blocks.reshape(panels, batch, size, size)
    right = np.broadcast_to(np.tile(np.eye(d), (stages, 1)), (panels, batch, size, d))
    inner = np.linalg.solve(system, right).reshape(panels, batch, stages, d, d)
    transition = np.eye(d) + np.einsum("j,pjbxy,pbjyz->pbxz", weights, scaled, inner)
    end = np.broadcast_to(np.eye(d), (batch, d, d))
    nodes = np.empty((panels, stages, batch, d, d))
    for p in reversed(range(panels)):
        nodes[p] = np.moveaxis(inner[p] @ end[:, None], 1, 0)
        end = transition[p] @ end
    return AdjointSolution(nodes, end)


def integrand(adjoint: AdjointSolution, jacobians: FieldJacobians) -> Float64:
    """Return a(t)ᵀ ∂f/∂θ on the nodes, per component of a(end): shape (P, S, B, d, n)."""
    return np.swapaxes(adjoint.nodes, -1, -2) @ jacobians.params


def end_values(mesh: Mesh, values: Float64) -> tuple[tuple[Float64, Float64], tuple[Float64, Float64]]:
    """Return (value, slope) at the start and at the end of the mesh, from the polynomials of those panels."""
    c = _gauss()[0]
    powers, coefficients = np.arange(c.size), _lagrange(c)

    def at(x: float, panel: int) -> tuple[Float64, Float64]:
        slopes = np.array([0.0, *(k * x ** (k - 1) for k in range(1, c.size))])
        value = np.tensordot(x**powers @ coefficients, values[panel], 1)
        return value, np.tensordot(slopes @ coefficients, values[panel], 1) / mesh.widths[panel]

    return at(0.0, 0), at(1.0, -1)


def integrate(problem: Problem, start: Float64, mesh: Mesh, values: Float64) -> Jacobians:
    """Return the derivatives with respect to y0 (from X at the start) and to the parameters (quadrature)."""
    integral = np.einsum("ps,psbin->bin", mesh.weights, values)
    return split(problem, np.swapaxes(start, -1, -2), integral)


def split(problem: Problem, y0: Float64, params: Float64) -> Jacobians:
    """Return one array per group from that of y0 (B, d, d) and that of all parameters (B, d, n)."""
    if not problem.params:
        return {"y0": y0}
    names = [name for name in problem.groups if name != "y0"]  # in the order of the parameters
    ends = np.cumsum([value.size for value in problem.params.values()])
    return {"y0": y0, **dict(zip(names, np.split(params, ends[:-1], axis=-1), strict=True))}
