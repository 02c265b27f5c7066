"""Reference solutions and gradients from NumPy and SciPy alone: nothing here can share a bug with torch."""

from nodecheck.reference.adequacy import Feature, features, group_weights
from nodecheck.reference.complex_step import jacobians
from nodecheck.reference.sensitivity import Sensitivity, sensitivity
from nodecheck.reference.trajectory import ReferenceFailure, solution, solve_adaptive, trajectory

__all__ = [
    "Feature",
    "ReferenceFailure",
    "Sensitivity",
    "features",
    "group_weights",
    "jacobians",
    "sensitivity",
    "solution",
    "solve_adaptive",
    "trajectory",
]
