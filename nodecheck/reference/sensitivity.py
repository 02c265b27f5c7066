"""The reference gradient, with its own error."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from nodecheck.numerics.constants import SMALLEST_REFERENCE_RTOL
from nodecheck.problems import Float64, Problem
from nodecheck.reference.complex_step import by_group
from nodecheck.reference.remembered import Remembered
from nodecheck.reference.routes import Route, routes_for


@dataclasses.dataclass(frozen=True, eq=False)
class Sensitivity:
    """The accurate y(t1) and its derivatives, float64 and read-only; at output times, those of each state.

    Attributes
    ----------
    y1
        Final state, shape (B, d); at T output times all states, shape (T, B, d).
    jacobians
        "y0": dy1_i/dy0_j of each member of the batch, shape (B, d, d); each parameter: (B, d, *shape).  At
        output times with T in front.
    dy1_dt0, dy1_dt1
        Derivatives with respect to the ends of the interval, of the shape of y1.  At output times, with
        respect to t0 and to the time of each state.
    rtol
        Estimated relative error of y1 and of each Jacobian, in the maximum norm relative to the group's own
        largest entry: the disagreement of two independent routes.
    routes
        Names of the routes; the values are those of the first.
    """

    y1: Float64
    jacobians: Mapping[str, Float64]
    dy1_dt0: Float64
    dy1_dt1: Float64
    rtol: float
    routes: tuple[str, str]

    def __post_init__(self) -> None:
        for array in (self.y1, self.dy1_dt0, self.dy1_dt1, *self.jacobians.values()):
            array.flags.writeable = False

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to make a copy in another process: through `__init__`, so that it is read-only too."""
        return Sensitivity, tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    def pullback(self, cotangent: Float64) -> dict[str, Float64]:
        """Return the gradient of <cotangent, y1>: "y0" of shape (B, d), parameters summed over the batch.

        Parameters
        ----------
        cotangent
            Real, of the shape of y1.

        Raises
        ------
        ValueError
            If the cotangent does not have the shape of y1.
        """
        if np.shape(cotangent) != self.y1.shape:
            msg = (
                f"cotangent must have the shape of y1, {self.y1.shape}, got {np.shape(cotangent)}; "
                "pass one entry for each entry of y1"
            )
            raise ValueError(msg)
        w = np.reshape(cotangent, (-1, *self.y1.shape[-2:]))  # an axis of outputs, at least one
        return {
            name: np.einsum("tbi,tbij->bj", w, jacobian.reshape(*w.shape, -1))
            if name == "y0"
            else np.tensordot(cotangent, jacobian, axes=self.y1.ndim)
            for name, jacobian in self.jacobians.items()
        }

    def pullback_of_times(self, cotangent: Float64) -> dict[str, Float64]:
        """Return the gradient of <cotangent, y1> with respect to times, summed over the batch.

        Parameters
        ----------
        cotangent
            Real, of the shape of y1.

        Returns
        -------
        dict
            "t0" and "t1", 0-d; at T output times "ts", of shape (T,), whose first entry is that of t0.
        """
        if self.y1.ndim == 2:
            pairs = {"t0": self.dy1_dt0, "t1": self.dy1_dt1}
            return {name: np.asarray(np.sum(cotangent * moved)) for name, moved in pairs.items()}
        ts = np.sum(cotangent * self.dy1_dt1, axis=(1, 2))
        ts[0] += np.sum(cotangent * self.dy1_dt0)
        return {"ts": ts}


@Remembered
def sensitivity(problem: Problem) -> Sensitivity:
    """Return the accurate solution and derivatives of a problem, computed by two routes, once per problem.

    Raises
    ------
    ReferenceFailure
        If a route cannot solve the problem.
    """
    return _at_output_times(problem) if problem.ts else _at_the_end(problem)


def _at_output_times(problem: Problem) -> Sensitivity:
    """Return the states at all output times and their derivatives: those of the problems that end there."""
    parts = [_at_the_start(problem)]
    parts += [sensitivity(problem.with_interval(problem.t0, t)) for t in problem.ts[1:]]
    return Sensitivity(
        y1=np.stack([part.y1 for part in parts]),
        jacobians={name: np.stack([part.jacobians[name] for part in parts]) for name in parts[0].jacobians},
        dy1_dt0=np.stack([part.dy1_dt0 for part in parts]),
        dy1_dt1=np.stack([part.dy1_dt1 for part in parts]),
        rtol=max(part.rtol for part in parts),
        routes=parts[-1].routes,
    )


def _at_the_start(problem: Problem) -> Sensitivity:
    """Return the state at t0, which is y0 and depends on nothing else."""
    batch, size = problem.y0.shape
    others = {g: np.zeros((batch, size, *value.shape)) for g, value in problem.groups.items() if g != "y0"}
    identity = np.broadcast_to(np.eye(size), (batch, size, size)).copy()
    still = np.zeros_like(problem.y0)
    names = ("y0", "y0")
    return Sensitivity(
        problem.y0.copy(), {"y0": identity, **others}, still, still.copy(), SMALLEST_REFERENCE_RTOL, names
    )


def _at_the_end(problem: Problem) -> Sensitivity:
    routes = routes_for(problem)
    y1, groups = _values(problem, routes[0])
    other_y1, other_groups = _values(problem, routes[1])
    disagreements = [
        _disagreement(y1, other_y1),
        *(_disagreement(groups[name], other_groups[name]) for name in groups),
    ]
    f0, f1 = (
        problem.vector_field(np.asarray(t), y, **problem.params)
        for t, y in ((problem.t0, problem.y0), (problem.t1, y1))
    )
    # To start dt later from the same y0 is to start at t0 from y0 - f dt.
    dy1_dt0 = -np.einsum("bij,bj->bi", groups["y0"], f0)
    return Sensitivity(
        y1=y1,
        jacobians=groups,
        dy1_dt0=dy1_dt0,
        dy1_dt1=f1,
        rtol=max(SMALLEST_REFERENCE_RTOL, *disagreements),
        routes=(routes[0].__name__, routes[1].__name__),
    )


def _values(problem: Problem, route: Route) -> tuple[Float64, dict[str, Float64]]:
    """Return y1 and the Jacobians by group, as copies that may be made read-only."""
    y1, tangents = route(problem)
    return y1.copy(), {name: array.copy() for name, array in by_group(problem, tangents).items()}


def _disagreement(ours: Float64, other: Float64) -> float:
    """Return the largest difference over the largest entry; 0 if both are zero, infinite if one is."""
    difference, scale = float(np.abs(ours - other).max()), float(np.abs(ours).max())
    if difference == 0.0:
        return 0.0
    return difference / scale if scale > 0.0 else float("inf")
