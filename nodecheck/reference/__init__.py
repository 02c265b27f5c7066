"""Reference solutions and gradients by NumPy and SciPy alone: they share no code with a layer's framework.

SciPy is imported by the functions that call it, at their first call.
"""

from nodecheck.reference.adequacy import Feature, features, group_weights, without_effect
from nodecheck.reference.complex_step import jacobians
from nodecheck.reference.integration import ReferenceFailure
from nodecheck.reference.second_derivatives import PenaltyGradient, penalty_gradient
from nodecheck.reference.sensitivity import Sensitivity, sensitivity
from nodecheck.reference.trajectory import solution, solve_adaptive, trajectory

__all__ = [
    "Feature",
    "PenaltyGradient",
    "ReferenceFailure",
    "Sensitivity",
    "features",
    "group_weights",
    "jacobians",
    "penalty_gradient",
    "sensitivity",
    "solution",
    "solve_adaptive",
    "trajectory",
    "without_effect",
]
