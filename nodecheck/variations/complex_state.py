"""Complex numbers as states and parameters: the answer must be that over their real and imaginary parts."""

from __future__ import annotations

from nodecheck.layers import (
    Array,
    LayerUnderTest,
    Refusal,
    Solution,
    Solve,
    Variation,
    attempt,
    largest_entry,
)
from nodecheck.layers.layer import COMPLEX
from nodecheck.measure.runaway import limit_beside
from nodecheck.problems import Problem
from nodecheck.problems.complex_state import imaginary, is_complex
from nodecheck.results import Evidence
from nodecheck.variations.comparison import (
    Change,
    compare,
    plain_solution,
    raised,
    sentence,
    unchanged_or_shrinking,
    usual_resolution,
)

COMPLEX_STATE = Variation(COMPLEX, "with complex numbers", refusable=True, capability=COMPLEX)
_REAL_STATE = "y1 is real: the imaginary part is dropped. Make tensors like the state in the dtype of y0."
_REAL_GRADIENT = (
    "{} real, and should be complex: the imaginary part is dropped in the backward pass. Make tensors like a "
    "gradient in the dtype of what it is the gradient of."
)
_FORWARD = "A usual cause is a tensor of a real dtype where it should have that of y0."
_BACKWARD = (
    "y1 is right, so the backward pass is wrong. A usual cause is a conjugate that is forgotten: PyTorch's "
    "gradient with respect to z = u + iv is ∂L/∂u + i ∂L/∂v, and the pullback of a matrix J is its conjugate "
    "transpose. Let torch.autograd.grad(f, z, grad_outputs=a) form it, or take J.mH."
)


def judge_complex(layer: LayerUnderTest, problem: Problem, cotangent: Array) -> Evidence | Refusal:
    """Return the difference of a layer's answer to its answer over pairs of real numbers, or its error.

    Steps that follow an error estimate need not be the same over pairs: the size of a complex number is not
    the larger of its parts.  So the difference of an adaptive layer may also shrink with the tolerance.
    """
    resolution, when = usual_resolution(layer), COMPLEX_STATE.when

    def solved(tol_or_steps: float) -> Solution:
        plain = plain_solution(layer, problem, cotangent, tol_or_steps)
        solve = Solve(problem, tol_or_steps, variation=COMPLEX_STATE, limit=limit_beside(plain))
        return layer.solution(solve, (cotangent,))

    def change(tol_or_steps: float) -> Change:
        plain = plain_solution(layer, problem, cotangent, tol_or_steps)
        return compare(layer, problem, solved(tol_or_steps), plain, tolerance=resolution)

    found = attempt(lambda: change(resolution))
    if isinstance(found, Refusal):
        if COMPLEX not in layer.claims.supports:
            return found
        measurement, text = raised(when, found)
        return Evidence((measurement,), text)
    measurement = unchanged_or_shrinking(when, layer, found, change)
    if measurement.holds:
        return Evidence((measurement,))
    return Evidence((measurement,), f"{sentence(found, when)} {_cause(found, solved(resolution))}".strip())


def _cause(change: Change, found: Solution) -> str:
    """Return the cause that the difference points to, and a usual mistake behind it."""
    if not largest_entry(imaginary(found.y1)):
        return _REAL_STATE
    if change.excess["y1"] > 1:
        return _FORWARD
    real = [
        f"∂L/∂{name}"
        for name, gradient in found.gradients.items()
        if gradient is not None and change.excess[f"∂L/∂{name}"] > 1 and is_complex(name)
        if largest_entry(gradient) and not largest_entry(imaginary(gradient))
    ]
    if real:
        return _REAL_GRADIENT.format(f"{', '.join(real)} {'is' if len(real) == 1 else 'are'}")
    return "" if change.missing else _BACKWARD
