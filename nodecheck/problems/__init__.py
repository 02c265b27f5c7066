"""The suite of problems: initial value problems whose solutions and gradients are known."""

from nodecheck.problems.linear import constant, linear, power
from nodecheck.problems.log_determinant import (
    constant_log_det,
    estimated_by,
    has_log_det,
    linear_log_det,
    neural_log_det,
    with_log_det,
    without_log_det,
)
from nodecheck.problems.neural import neural
from nodecheck.problems.nonlinear import cubic, logistic, lotka_volterra, spiral, van_der_pol
from nodecheck.problems.oscillators import pendulum, rotation, time_linear
from nodecheck.problems.posed import (
    at_rest,
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
from nodecheck.problems.switch import switch
from nodecheck.problems.wide import wide

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

PROBLEMS: tuple[Problem, ...] = (
    constant,
    *(power(k) for k in range(6)),
    *ORDER_PROBLEMS,
    cubic(1.0),
    cubic(20.0),
    van_der_pol(50.0),
)

__all__ = [
    "ORDER_PROBLEMS",
    "PROBLEMS",
    "RESERVED",
    "Array",
    "Float64",
    "Problem",
    "at_rest",
    "constant",
    "constant_at_outputs",
    "constant_log_det",
    "constant_reversed_at_outputs",
    "cubic",
    "estimated_by",
    "group_of",
    "half_reversed_at_outputs",
    "has_log_det",
    "linear",
    "linear_log_det",
    "logistic",
    "lotka_volterra",
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
    "with_log_det",
    "without_log_det",
]
