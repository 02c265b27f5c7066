"""The cause of a gradient that is wrong where the state is at rest and the adjoint alone moves."""

from __future__ import annotations

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.tolerance_sweep import Sweep
from nodecheck.numerics.constants import HARDLY_MORE
from nodecheck.problems import Problem


def explain_at_rest(layer: LayerUnderTest, problem: Problem, sweep: Sweep) -> str:
    """Return that the backward pass costs the same at every tolerance; "" if it costs more at a tighter one.

    Nothing is known of a backward pass that does not evaluate the field.
    """
    ends = sweep.tolerances[0], sweep.tolerances[-1]
    loose, tight = (len(layer.gradients(problem, tol, 1)[0].calls) for tol in ends)
    if not loose or tight > HARDLY_MORE * loose:
        return ""
    errors = sweep.errors["y0"]
    return (
        f"Where the state is at rest and the adjoint moves, the error of ∂L/∂y0 goes from {errors[0]:.2g} at "
        f"tol = {ends[0]:g} to {errors[-1]:.2g} at {ends[1]:g}, and the evaluations of the backward pass "
        f"from {loose} to {tight}: its step control does not look at the adjoint, or has a tolerance or "
        f"steps of its own.  Let the error norm of the backward pass include the adjoint."
    )
