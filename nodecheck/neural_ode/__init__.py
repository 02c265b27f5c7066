"""The reference implementation: a Neural ODE layer in PyTorch, its solvers and its adjoints."""

from nodecheck.neural_ode.continuous import integrate_with_adjoint
from nodecheck.neural_ode.explicit import VectorField, integrate
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.layer import ODELayer
from nodecheck.neural_ode.trajectory import BackwardTrajectory
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS

__all__ = [
    "TABLEAUS",
    "BackwardTrajectory",
    "ButcherTableau",
    "ODELayer",
    "Segment",
    "VectorField",
    "integrate",
    "integrate_with_adjoint",
]
