"""Known faults of registered layers, each with its cause, its public discussion and a script that shows it.

A finding is confirmed without nodecheck, by a script of about ten lines in ``confirmations/``.  This module
imports no torch, because reports look up scripts too.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Finding:
    """One fault of a library, with the checks that fail because of it.

    Attributes
    ----------
    script
        Name of the file in ``confirmations/``; the script prints the fault, and raises if the fault is gone.
    library
        The library that the script imports.
    reason
        The fault in one or two sentences, for the maintainers of the library.
    failing
        ``{pattern of layer names: ids of the checks that fail for these layers}``.  An id may be followed by
        ``:`` and a shell pattern for the names of problems.
    thread
        Address of the public discussion; empty if there is none.
    """

    script: str
    library: str
    reason: str
    failing: dict[str, tuple[str, ...]]
    thread: str = ""

    @property
    def text(self) -> str:
        """The reason with the address of the discussion, for a report."""
        return f"{self.reason}  See {self.thread}" if self.thread else self.reason

    def source(self) -> str:
        """Return the script that confirms the finding."""
        path = files("nodecheck") / "targets" / "confirmations" / f"{self.script}.txt"
        return path.read_text(encoding="utf-8")


_ROUNDED = ("constant-field", "time-precision", "constant-field-gradient", "output-times")
_GRADIENT = (
    "gradient-completeness",
    "gradient-class",
    "constant-field-gradient",
    "gradient-order",
    "output-gradients",
    "finite-differences",
)
_REVERSED_GRADIENT = (
    "gradient-order:*_reversed*",
    "gradient-tolerance:*_reversed*",
    "output-gradients:*_reversed*",
)
FINDINGS: tuple[Finding, ...] = (
    Finding(
        "torchdiffeq_explicit_adams_diverges",
        "torchdiffeq",
        "explicit_adams rises to order 11 by default (max_order 12).  That method is stable only for "
        "|λ| h < 0.0034, so it diverges on grids on which lower orders are accurate.  "
        "options={'max_order': 5} avoids it.",
        {
            "torchdiffeq-odeint-explicit_adams": ("forward-order", "solve-ivp-agreement"),
            "torchdiffeq-odeint_adjoint-explicit_adams": (
                "forward-order",
                "solve-ivp-agreement",
                "gradient-class",
                "gradient-order",
                "output-gradients",
                "finite-differences",
            ),
        },
    ),
    Finding(
        "torchdiffeq_implicit_adams_batch",
        "torchdiffeq",
        "implicit_adams iterates until the largest change in the whole batch is below the tolerance, at most "
        "four times, and drops a past derivative if it has not converged.  Members of a batch therefore "
        "influence each other.",
        {"torchdiffeq-*-implicit_adams": ("batch-independence",)},
    ),
    Finding(
        "torchdiffeq_adams_uneven_grid",
        "torchdiffeq",
        "explicit_adams and implicit_adams take the weights of equal steps whatever the grid is.  Output "
        "times are the grid unless a step size is given, so uneven ones cost all orders above two.",
        {
            "torchdiffeq-*-explicit_adams": ("output-states",),
            "torchdiffeq-*-implicit_adams": ("output-times", "output-states"),
        },
    ),
    Finding(
        "torchdiffeq_linear_between_steps",
        "torchdiffeq",
        "With a step size, fixed-step solvers interpolate linearly between steps by default: a state at an "
        "output time has order 2 at most.  options={'interp': 'cubic'} keeps order 4.",
        {"torchdiffeq-odeint_adjoint-rk4-step_size": ("output-states",)},
    ),
    Finding(
        "torchdiffeq_interpolation_beyond_end",
        "torchdiffeq",
        "Steps go beyond t1, and the state at t1 is interpolated: by bosh3 from a middle state of too low an "
        "order, by dopri8 with a quartic.  Where the error estimate is zero (y' = t for bosh3, y' = t^4 for "
        "dopri8), steps become as long as possible, and y(t1) is silently wrong at every tolerance.  "
        "Elsewhere order is lost in the last step.",
        {"torchdiffeq-*-bosh3": ("power-tolerance",), "torchdiffeq-*-dopri8": ("power-tolerance",)},
        "https://github.com/patrick-kidger/diffrax/issues/45",
    ),
    Finding(
        "torchdyn_rk4_stage_times",
        "torchdyn",
        "rk4 evaluates its stages at t, t, t + h/2 and t + h/2 in place of t, t + h/2, t + h/2 and t + h: "
        "the tableau starts with c = 0, and the step uses its first entry for the second stage.  If the "
        "field depends on time, the order is silently 1.",
        {
            "torchdyn-*-rk4": ("polynomial-field", "forward-order", "output-states", "backprop-agreement"),
            "torchdyn-*adjoint-rk4": ("gradient-order",),
        },
    ),
    Finding(
        "torchdyn_adjoint_reversed_time",
        "torchdyn",
        "For t1 < t0 odeint integrates the negated field over negated times, and returns these times.  The "
        "adjoints use them as the times of the solution and integrate the original field over them, so the "
        "gradient is silently that of another equation.  Autograd is right.",
        {
            "torchdyn-adjoint-[!i]*": _REVERSED_GRADIENT,
            "torchdyn-interpolated_adjoint-*": _REVERSED_GRADIENT,
        },
    ),
    Finding(
        "torchdyn_interpolated_adjoint_outputs",
        "torchdyn",
        "With an adaptive solver the interpolated adjoint returns the states at all steps, and takes the "
        "cotangents of the first of them for those of the output times.  A loss on a state before the last "
        "one silently gets a wrong gradient.",
        {"torchdyn-interpolated_adjoint-*5": ("output-gradients",)},
    ),
    Finding(
        "torchdyn_float32_coefficients",
        "torchdyn",
        "NeuralODE makes its solver without the dtype of the state, so the coefficients of rk4, dopri5 and "
        "tsit5 are rounded to float32 and no longer add up to 1.  A float64 solution silently keeps an error "
        "of 1e-8.  The functional odeint is exact.",
        {
            "torchdyn-a*-rk4": _ROUNDED,
            "torchdyn-interpolated_adjoint-rk4": _ROUNDED,
            "torchdyn-a*5": ("time-precision",),
            "torchdyn-interpolated_adjoint-*5": ("time-precision",),
        },
    ),
    Finding(
        "torchdyn_ieuler_no_gradient",
        "torchdyn",
        "The implicit Euler solver makes each new state a new parameter.  Backpropagation ends there, and y0 "
        "and the parameters silently get no gradient.",
        {"torchdyn-autograd-ieuler": _GRADIENT},
        "https://github.com/DiffEqML/torchdyn/issues/156",
    ),
    Finding(
        "torchdyn_ieuler_adjoint_raises",
        "torchdyn",
        "The implicit Euler solver differentiates the residual of a field whose graph is freed in the "
        "adjoint equation: the backward pass raises an error.",
        {"torchdyn-adjoint-ieuler": ("backward-pass",)},
        "https://github.com/DiffEqML/torchdyn/issues/156",
    ),
    Finding(
        "torchdyn_ieuler_stops_early",
        "torchdyn",
        "The implicit Euler solver stops when the squared residuals of the whole batch change by less than "
        "1e-12.  Each step has an error of about 1e-6, and members of a batch influence each other as much.",
        {"torchdyn-*-ieuler": ("batch-independence",)},
    ),
    Finding(
        "torchdyn_ieuler_forward_mode",
        "torchdyn",
        "The implicit Euler solver lets forward mode differentiate its LBFGS iterations: tangents may have "
        "any size, and no error is raised.",
        {"torchdyn-autograd-ieuler": ("function-transforms",)},
    ),
    Finding(
        "torchdyn_last_state_missing",
        "torchdyn",
        "The functional odeint ends where a step ends just before the last time, and returns no state there.",
        {
            f"torchdyn-odeint-{solver}": ("forward-tolerance:lotka_volterra", "power-tolerance")
            for solver in ("dopri5", "tsit5")
        },
    ),
    Finding(
        "torchdyn_ieuler_adjoint_nonlinear",
        "torchdyn",
        "The implicit Euler solver stops at a squared residual of fixed size, also for the adjoint equation, "
        "whose solution scales with the cotangent: a small cotangent is not propagated.",
        {"torchdyn-interpolated_adjoint-ieuler": ("cotangent-linearity",)},
    ),
    Finding(
        "torchdiffeq_adjoint_penalty_dropped",
        "torchdiffeq",
        "The backward pass of odeint_adjoint runs under no_grad, so that a gradient has no graph, whatever "
        "create_graph says.  A gradient penalty beside a loss is silently dropped.  odeint is right.",
        {"torchdiffeq-odeint_adjoint-*": ("second-derivatives",)},
    ),
    Finding(
        "torchdiffeq_adjoint_functional_call",
        "torchdiffeq",
        "The backward pass of odeint_adjoint calls the module, which has its own parameters again when "
        "torch.func.functional_call has returned.  Parameters that a hyper-network computes silently get a "
        "gradient of zero, and y0 gets that of another field.  odeint is right.",
        {"torchdiffeq-odeint_adjoint-*": ("computed-parameters",)},
    ),
    Finding(
        "torchode_joint_backsolve_functional_call",
        "torchode",
        "The backward pass of JointBacksolveAdjoint calls the module, which has its own parameters again "
        "when torch.func.functional_call has returned.  Parameters that a hyper-network computes silently "
        "get a gradient of zero, and y0 gets that of another field.  BacksolveAdjoint is right.",
        {"torchode-joint_backsolve-*": ("computed-parameters",)},
    ),
    Finding(
        "torchdyn_adjoint_functional_call",
        "torchdyn",
        "The backward passes of both adjoints call the module, which has its own parameters again when "
        "torch.func.functional_call has returned: all gradients are silently those of another field.  "
        "Autograd is right.",
        {
            "torchdyn-adjoint-[!i]*": ("computed-parameters",),
            "torchdyn-interpolated_adjoint-*": ("computed-parameters",),
        },
    ),
    Finding(
        "torchode_backsolve_penalty_dropped",
        "torchode",
        "The backward passes of BacksolveAdjoint and JointBacksolveAdjoint run under no_grad, so that a "
        "gradient has no graph, whatever create_graph says.  A gradient penalty beside a loss is silently "
        "dropped.  AutoDiffAdjoint keeps it.",
        {"torchode-*backsolve-*": ("second-derivatives",)},
    ),
    Finding(
        "torchode_step_control_second_derivative",
        "torchode",
        "AutoDiffAdjoint differentiates its step size control.  A batch member that ends before the others "
        "goes on with an error of zero, where the second derivative of the RMS norm is NaN: so are second "
        "derivatives of the layer.  backprop_through_step_size_control=False avoids it.",
        {f"torchode-autodiff-{method}": ("second-derivatives",) for method in ("heun", "dopri5", "tsit5")},
    ),
    Finding(
        "torchdyn_interpolated_adjoint_penalty_dropped",
        "torchdyn",
        "The interpolated adjoint differentiates states that it reads from a spline of detached ones, so "
        "that a gradient has no graph for a linear loss, and an incomplete one for others.  A gradient "
        "penalty beside a linear loss is silently dropped.  The plain adjoint raises an error.",
        {
            f"torchdyn-interpolated_adjoint-{solver}": ("second-derivatives",)
            for solver in ("euler", "midpoint", "rk4", "ieuler")
        },
    ),
)


def expected_failures(layer_name: str) -> dict[str, str]:
    """Return the known failures of a registered layer: ``{check id: reason}``, as `TorchLayer` takes them."""
    return {check: finding.text for check, finding in _findings(layer_name)}


def confirmation(layer_name: str, check_id: str) -> str:
    """Return the script that shows a known failure without nodecheck; "" if none is known."""
    found = (finding for check, finding in _findings(layer_name) if check.partition(":")[0] == check_id)
    return next((finding.source() for finding in found), "")


def _findings(layer_name: str) -> Iterator[tuple[str, Finding]]:
    """Yield each check that is known to fail for a layer, with its finding."""
    for finding in FINDINGS:
        for pattern, checks in finding.failing.items():
            if fnmatch.fnmatchcase(layer_name, pattern):
                for check in checks:
                    yield check, finding
