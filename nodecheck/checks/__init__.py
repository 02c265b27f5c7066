"""The checks, in the order in which they run and are reported."""

from nodecheck.checks.adapter import adapter
from nodecheck.checks.adaptive import forward_tolerance, gradient_tolerance
from nodecheck.checks.base import Check, Inconclusive, Refusal, Skip, Unsupported, attempt, check
from nodecheck.checks.behaviour import batch_independence, evaluation_times
from nodecheck.checks.completion import long_interval
from nodecheck.checks.consistency import (
    backprop_agreement,
    finite_differences,
    gradient_class,
    taylor_remainder,
)
from nodecheck.checks.contract import (
    backward_pass,
    determinism,
    float32_state,
    forward_pass,
    nothing_mutated,
    zero_cotangent,
)
from nodecheck.checks.cost import gradient_cost
from nodecheck.checks.exactness import (
    constant_field,
    constant_field_gradient,
    polynomial_field,
    time_precision,
)
from nodecheck.checks.forward import forward_order, solve_ivp_agreement
from nodecheck.checks.gradient import gradient_completeness, gradient_order
from nodecheck.checks.leaks import memory_leak
from nodecheck.checks.memory import hidden_memory, memory_law
from nodecheck.checks.not_a_number import not_a_number
from nodecheck.checks.other_modules import other_modules
from nodecheck.checks.other_sizes import other_sizes
from nodecheck.checks.other_units import other_units
from nodecheck.checks.other_uses import other_uses
from nodecheck.checks.properties import constant_field_property, cotangent_linearity
from nodecheck.checks.quadrature import power_tolerance
from nodecheck.checks.reuse import interleaved_calls, repeated_use
from nodecheck.checks.reverse import reverse_time, reverse_time_gradient
from nodecheck.checks.sudden import sudden_change
from nodecheck.checks.uninvolved import uninvolved_parameters

CHECKS: tuple[Check, ...] = (
    adapter,
    forward_pass,
    backward_pass,
    determinism,
    nothing_mutated,
    interleaved_calls,
    repeated_use,
    float32_state,
    not_a_number,
    constant_field,
    constant_field_property,
    time_precision,
    evaluation_times,
    polynomial_field,
    forward_order,
    solve_ivp_agreement,
    forward_tolerance,
    power_tolerance,
    sudden_change,
    long_interval,
    reverse_time,
    batch_independence,
    gradient_completeness,
    uninvolved_parameters,
    gradient_class,
    constant_field_gradient,
    gradient_order,
    gradient_tolerance,
    reverse_time_gradient,
    finite_differences,
    taylor_remainder,
    backprop_agreement,
    cotangent_linearity,
    zero_cotangent,
    other_uses,
    other_modules,
    other_sizes,
    other_units,
    memory_law,
    hidden_memory,
    memory_leak,
    gradient_cost,
)

__all__ = ["CHECKS", "Check", "Inconclusive", "Refusal", "Skip", "Unsupported", "attempt", "check"]
