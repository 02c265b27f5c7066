"""A layer that is given complex numbers; its answer is told as real and imaginary parts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.passes import Prepared, as_numpy, gradients_of, prepared
from nodecheck.backends.torch.tensors import dtype_of, tensor_of
from nodecheck.layers import Array, Gradients, Pullback, Solution, Solve, TorchLayer
from nodecheck.layers.layer import COMPLEX
from nodecheck.problems import Problem
from nodecheck.problems.complex_state import (
    COMPLEX_PARAMETERS,
    as_complex,
    as_pairs,
    complex_field,
    complex_params,
)

COMPLEX_USES = (COMPLEX,)


class ComplexDynamics(Dynamics):
    """The complex form of a vector field as a module, with complex parameters."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.vector_field = complex_field(problem)
        for name, value in complex_params(problem).items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))

    def timed(self, t: Any, y: Tensor) -> Tensor:
        """Return the time as a real tensor beside y; the grid of a layer may have the dtype of y."""
        time = t.real if isinstance(t, Tensor) and t.is_complex() else t
        return super().timed(time, y.real if isinstance(y, Tensor) else y)


def use_complex(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution of the complex form of a problem, as that of the real one.

    PyTorch's gradient with respect to z = u + iv is ∂L/∂u + i ∂L/∂v.

    Raises
    ------
    ValueError
        If the problem has no complex form.
    """
    dynamics = ComplexDynamics(solve.problem)
    dynamics.trace.limit = solve.limit
    _place(dynamics, solve)
    dtype = dtype_of(solve).to_complex()
    z0 = torch.tensor(as_complex(solve.problem.y0), dtype=dtype, device=solve.device).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning that the imaginary part is dropped excuses nothing
        one = prepared(layer, dynamics, z0, solve)
        z1 = one.forward()
        calls = tuple(dynamics.trace.calls)
        pullbacks = tuple(_pull_back(one, z1, cotangent) for cotangent in cotangents)
    return Solution(as_pairs(as_numpy(z1)), calls, pullbacks)


def _place(dynamics: Dynamics, solve: Solve) -> None:
    """Move the parameters to the device of a solve, the complex ones to the complex form of its dtype."""
    real = dtype_of(solve)
    dynamics.to(solve.device)
    for p in dynamics.parameters():
        p.data = p.data.to(real.to_complex() if p.is_complex() else real)


def _pull_back(one: Prepared, z1: Tensor, cotangent: Array) -> Pullback:
    """Return the gradients for a cotangent; a layer may have returned real numbers."""
    given = as_complex(cotangent)
    with one.dynamics.trace.backward():
        weight = tensor_of(given if z1.is_complex() else given.real, z1)
        found = gradients_of(z1, one.leaves, weight)
    return Pullback(_in_parts(found), one.dynamics.trace.of("backward"))


def _in_parts(gradients: Gradients) -> Gradients:
    """Return gradients of complex numbers as those of their parts."""
    parts = dict(gradients)
    for name, gradient in gradients.items():
        if gradient is None:
            continue
        if name == "y0":
            parts[name] = as_pairs(gradient)
        elif name in COMPLEX_PARAMETERS:
            parts[name] = np.stack([gradient.real, gradient.imag], axis=-1)
    return parts
