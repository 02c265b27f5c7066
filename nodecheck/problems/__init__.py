"""The suite of problems: initial value problems whose solutions and gradients are known."""

from nodecheck.problems.linear import constant, drift, is_drift, linear, power
from nodecheck.problems.log_determinant import (
    constant_log_det,
    estimated_by,
    has_log_det,
    linear_log_det,
    neural_log_det,
    with_log_det,
    without_log_det,
)
from nodecheck.problems.mechanics import (
    as_force,
    charged,
    circling,
    damped_pendulum,
    harmonic,
    henon_heiles,
    kepler,
    pendulum,
    with_force,
    without_force,
)
from nodecheck.problems.members import members_of
from nodecheck.problems.neural import neural
from nodecheck.problems.nonlinear import cubic, logistic, lotka_volterra, spiral, van_der_pol
from nodecheck.problems.oscillators import rotation, time_linear
from nodecheck.problems.own import OwnField, from_module, is_own
from nodecheck.problems.posed import (
    at_rest,
    at_usual_outputs,
    constant_at_outputs,
    constant_reversed_at_outputs,
    half_reversed_at_outputs,
    neural_at_outputs,
    neural_half,
    neural_quarter,
    neural_reversed_at_outputs,
    neural_reversed_half,
    neural_reversed_quarter,
    quarter_reversed_at_outputs,
    uneven,
    uneven_mirrored,
)
from nodecheck.problems.problem import RESERVED, Array, Float64, Problem, group_of
from nodecheck.problems.switch import is_quadrature, switch
from nodecheck.problems.wide import is_wide, wide

# For order checks: for y1 and for every gradient group, the slope of explicit Euler is within 0.1 of 1 over
# 64, 128, 256 steps, and that of RK4 within 0.2 of 4 over 16, 32, 64 (tests/problems/test_problems.py).
ORDER_PROBLEMS: tuple[Problem, ...] = (
    linear,
    rotation,
    time_linear,
    logistic,
    lotka_volterra,
    van_der_pol(1.0),
    spiral,
    neural,
)

# Of second order, q'' = a(t, q, v): their state is (q, v).
MECHANICS: tuple[Problem, ...] = (harmonic, pendulum, damped_pendulum, henon_heiles, kepler, charged)

PROBLEMS: tuple[Problem, ...] = (
    constant,
    *(power(k) for k in range(6)),
    *ORDER_PROBLEMS,
    cubic(1.0),
    cubic(20.0),
    van_der_pol(50.0),
    *MECHANICS,
)

__all__ = [
    "MECHANICS",
    "ORDER_PROBLEMS",
    "PROBLEMS",
    "RESERVED",
    "Array",
    "Float64",
    "OwnField",
    "Problem",
    "as_force",
    "at_rest",
    "at_usual_outputs",
    "charged",
    "circling",
    "constant",
    "constant_at_outputs",
    "constant_log_det",
    "constant_reversed_at_outputs",
    "cubic",
    "damped_pendulum",
    "drift",
    "estimated_by",
    "from_module",
    "group_of",
    "half_reversed_at_outputs",
    "harmonic",
    "has_log_det",
    "henon_heiles",
    "is_drift",
    "is_own",
    "is_quadrature",
    "is_wide",
    "kepler",
    "linear",
    "linear_log_det",
    "logistic",
    "lotka_volterra",
    "members_of",
    "neural",
    "neural_at_outputs",
    "neural_half",
    "neural_log_det",
    "neural_quarter",
    "neural_reversed_at_outputs",
    "neural_reversed_half",
    "neural_reversed_quarter",
    "pendulum",
    "power",
    "quarter_reversed_at_outputs",
    "rotation",
    "spiral",
    "switch",
    "time_linear",
    "uneven",
    "uneven_mirrored",
    "van_der_pol",
    "wide",
    "with_force",
    "with_log_det",
    "without_force",
    "without_log_det",
]
