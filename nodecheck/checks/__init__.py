"""The checks, in the order in which they run and are reported: a report names the first that failed.

So checks that name a cause come before those that see a symptom of it, and large errors before small ones.
"""

from collections.abc import Mapping
from types import MappingProxyType

from nodecheck.checks.adapter import adapter
from nodecheck.checks.check import Check, check
from nodecheck.checks.consistency import backprop_agreement, finite_differences, gradient_class
from nodecheck.checks.contract.complex_state import complex_state
from nodecheck.checks.contract.not_a_number import not_a_number
from nodecheck.checks.contract.passes import (
    backward_pass,
    determinism,
    float32_state,
    forward_pass,
    nothing_mutated,
)
from nodecheck.checks.contract.reuse import interleaved_calls, repeated_use
from nodecheck.checks.contract.times import evaluation_times
from nodecheck.checks.contract.transforms import function_transforms
from nodecheck.checks.contract.uses import other_uses
from nodecheck.checks.convergence.forward import forward_order, solve_ivp_agreement
from nodecheck.checks.convergence.gradient import gradient_completeness, gradient_order
from nodecheck.checks.device import device_autocast, device_placement, device_uses, device_waits
from nodecheck.checks.exactness.field_gradient import constant_field_gradient
from nodecheck.checks.exactness.fields import constant_field, polynomial_field, time_precision
from nodecheck.checks.exactness.linearity import cotangent_linearity
from nodecheck.checks.invariance.batch import batch_independence
from nodecheck.checks.invariance.computed import computed_parameters
from nodecheck.checks.invariance.member_times import member_times
from nodecheck.checks.invariance.modules import other_modules
from nodecheck.checks.invariance.parameters import uninvolved_parameters
from nodecheck.checks.invariance.sizes import other_sizes
from nodecheck.checks.invariance.units import other_units
from nodecheck.checks.log_det.divergence import constant_divergence
from nodecheck.checks.log_det.gradient import log_det_gradient
from nodecheck.checks.log_det.value import log_determinant
from nodecheck.checks.memory.cost import gradient_cost
from nodecheck.checks.memory.law import hidden_memory, memory_law
from nodecheck.checks.memory.leaks import memory_leak
from nodecheck.checks.outputs.gradient import output_gradients
from nodecheck.checks.outputs.states import output_states
from nodecheck.checks.outputs.time_gradients import time_gradients
from nodecheck.checks.outputs.times import output_times
from nodecheck.checks.second_order import second_derivatives
from nodecheck.checks.tolerance.both import both_tolerances
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
    evaluation_times,
    polynomial_field,
    forward_order,
    time_precision,
    solve_ivp_agreement,
    forward_tolerance,
    both_tolerances,
    power_tolerance,
    sudden_change,
    long_interval,
    output_times,
    output_states,
    constant_divergence,
    log_determinant,
    batch_independence,
    gradient_completeness,
    constant_field_gradient,
    gradient_order,
    gradient_tolerance,
    gradient_class,
    finite_differences,
    backprop_agreement,
    cotangent_linearity,
    output_gradients,
    time_gradients,
    member_times,
    second_derivatives,
    log_det_gradient,
    uninvolved_parameters,
    other_uses,
    function_transforms,
    complex_state,
    other_modules,
    computed_parameters,
    other_sizes,
    other_units,
    memory_law,
    hidden_memory,
    memory_leak,
    gradient_cost,
    device_placement,
    device_waits,
    device_autocast,
    device_uses,
)

# Ids that were given up, with what they are now: ids of checks, each with a shell pattern for the names of
# its problems where not all of them are meant.
ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "constant-field-property": ("constant-field",),
        "reverse-time": ("forward-order:*_reversed*", "forward-tolerance:*_reversed*"),
        "reverse-time-gradient": ("gradient-order:*_reversed*", "gradient-tolerance:*_reversed*"),
        "taylor-remainder": ("gradient-class",),
        "zero-cotangent": ("cotangent-linearity",),
    }
)

__all__ = ["ALIASES", "CHECKS", "Check", "check"]
