"""The checks, in the order in which they run and are reported."""

from nodecheck.checks.adapter import adapter
from nodecheck.checks.check import Check, check
from nodecheck.checks.consistency import (
    backprop_agreement,
    finite_differences,
    gradient_class,
    taylor_remainder,
)
from nodecheck.checks.contract.not_a_number import not_a_number
from nodecheck.checks.contract.passes import (
    backward_pass,
    determinism,
    float32_state,
    forward_pass,
    nothing_mutated,
    zero_cotangent,
)
from nodecheck.checks.contract.reuse import interleaved_calls, repeated_use
from nodecheck.checks.contract.uses import other_uses
from nodecheck.checks.convergence.forward import forward_order, solve_ivp_agreement
from nodecheck.checks.convergence.gradient import gradient_completeness, gradient_order
from nodecheck.checks.convergence.reverse import reverse_time, reverse_time_gradient
from nodecheck.checks.exactness.fields import (
    constant_field,
    constant_field_gradient,
    polynomial_field,
    time_precision,
)
from nodecheck.checks.exactness.properties import constant_field_property, cotangent_linearity
from nodecheck.checks.invariance.batch import batch_independence, evaluation_times
from nodecheck.checks.invariance.modules import other_modules
from nodecheck.checks.invariance.parameters import uninvolved_parameters
from nodecheck.checks.invariance.sizes import other_sizes
from nodecheck.checks.invariance.units import other_units
from nodecheck.checks.memory.cost import gradient_cost
from nodecheck.checks.memory.law import hidden_memory, memory_law
from nodecheck.checks.memory.leaks import memory_leak
from nodecheck.checks.tolerance.long_interval import long_interval
from nodecheck.checks.tolerance.powers import power_tolerance
from nodecheck.checks.tolerance.step_rejection import sudden_change
from nodecheck.checks.tolerance.sweep import forward_tolerance, gradient_tolerance

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

__all__ = ["CHECKS", "Check", "check"]
