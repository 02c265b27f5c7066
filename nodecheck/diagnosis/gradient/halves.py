"""Wrong adjoints of equations of second order: a block of the Jacobian of (v, a(t, q, v)) is lost or wrong.

The adjoint (α, β) of (q, v) solves α' = -β ∂a/∂q and β' = -α - β ∂a/∂v.
"""

from __future__ import annotations

import numpy as np

from nodecheck.diagnosis.gradient.adjoint_solver import AdjointSolver
from nodecheck.diagnosis.gradient.observation import Jacobians

# Row and column of each block, 0 for positions and 1 for velocities, and the factor that it has.
_BLOCKS = {
    "an adjoint without ∂a/∂v, the force of velocities": (1, 1, 0.0),
    "an adjoint without ∂a/∂q, the force of positions": (1, 0, 0.0),
    "an adjoint without the drift, by which velocities move positions": (0, 1, 0.0),
    "an adjoint whose drift has the wrong sign": (0, 1, -1.0),
    "an adjoint whose force has the wrong sign": (1, 0, -1.0),
}


def wrong_halves(solver: AdjointSolver) -> dict[str, Jacobians]:
    """Return the gradients of mistakes with positions and velocities; none of other problems.

    A block that is zero cannot be lost.
    """
    if not solver.problem.second_order:
        return {}
    state, half = solver.jacobians.state, solver.problem.y0.shape[1] // 2
    places = (slice(None, half), slice(half, None))
    found = {}
    for name, (row, column, factor) in _BLOCKS.items():
        changed = state.copy()
        changed[..., places[row], places[column]] *= factor
        if not np.array_equal(changed, state):
            found[name] = solver.gradient(solver.jacobians, np.swapaxes(changed, -1, -2))
    return found
