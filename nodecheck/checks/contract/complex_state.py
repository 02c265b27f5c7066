"""A layer whose state and whose parameters are complex numbers."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest, Refusal
from nodecheck.layers.layer import COMPLEX
from nodecheck.problems import Problem
from nodecheck.problems.complex_state import complex_pairs, complex_real_force
from nodecheck.results import Evidence, Skip, Unsupported
from nodecheck.variations.complex_state import judge_complex

# The lines of the identity card, by problem.
_FACTS = {
    complex_pairs.name: "complex numbers",
    complex_real_force.name: "complex numbers beside a real parameter",
}


@check(
    title="Complex numbers give the answer of their parts",
    failure_title="Complex numbers give another answer than their parts",
    theme="Contract",
    kind="identity",
    problems=(complex_pairs, complex_real_force),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, Autograd for complex numbers; Kreutz-Delgado (2009): CR calculus",
)
def complex_state(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve a complex equation, and the same one over its real and imaginary parts: both answers must agree.

    An equation in d complex numbers is one in 2d real ones.  So y1 and all gradients are known from plain use
    of the same layer, and must be the same to rounding, or to the tolerance of an adaptive layer.  State and
    parameters are complex128, as in quantum mechanics or optics; on a second problem one parameter is real.
    The field contains |z|², which is not holomorphic.

    A layer may refuse complex numbers with an error, unless it claims "complex" in `supports`.  What it
    returns without an error has to be right; a warning that an imaginary part is discarded is no error.

    In a failure either y1 differs, or gradients alone.  If y1 does, a tensor is real where it should have the
    dtype of y0.  If gradients do, a conjugate is forgotten: PyTorch's gradient with respect to z = u + iv is
    ∂L/∂u + i ∂L/∂v, so a vector-Jacobian product by hand needs the conjugate of the Jacobian.

    Remedies.  Let `torch.autograd.grad(f, z, grad_outputs=a)` form the product; take `y0.dtype` for tensors
    like the state and `y0.real.dtype` for times; take `abs()` in an error norm.  The gradient of a real
    parameter is real: an adjoint that is one flat complex vector has to take its real part.
    """
    if layer.takes_pairs or layer.returns_log_det or layer.of_second_order:
        message = "asked only of layers of first order whose output is the state, one tensor"
        raise Skip(message)
    if COMPLEX not in layer.backend.capabilities:
        message = "not asked: complex numbers are not carried out in the framework of this layer"
        raise Skip(message)
    (cotangent,) = layer.cotangents(problem, 1)
    found = judge_complex(layer, problem, cotangent)
    name = _FACTS[problem.name]
    if isinstance(found, Refusal):
        message = f"{name} are refused with an error: {found}"
        raise Unsupported(message, {name: "refused with an error"})
    works = all(measurement.holds for measurement in found.measurements)
    return Evidence(found.measurements, found.diagnosis, facts={name: "work"} if works else {})
