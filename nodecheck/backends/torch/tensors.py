"""Tensors, all of which are made here: the values of a solve, on its device and in its dtype."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import Array, Solve


def tensor_of(values: Array, like: Solve | Tensor) -> Tensor:
    """Return values as a tensor on the device and in the dtype of a solve, or of another tensor."""
    dtype = like.dtype if isinstance(like, Tensor) else dtype_of(like)
    return torch.tensor(values, dtype=dtype, device=like.device)


def leaf_of(values: Array, like: Solve | Tensor) -> Tensor:
    """Return the same as a leaf at which a gradient arrives."""
    return tensor_of(values, like).requires_grad_()


def dtype_of(solve: Solve) -> torch.dtype:
    """Return the dtype of the state and of the parameters."""
    dtype: torch.dtype = getattr(torch, solve.dtype)
    return dtype


def dynamics_of(solve: Solve) -> Dynamics:
    """Return the vector field of a solve, with its parameters on the device."""
    dynamics = Dynamics(solve.problem)
    place(dynamics, solve)
    return dynamics


def place(module: nn.Module, solve: Solve) -> None:
    """Move a module to the device and the dtype of a solve; its parameters stay the same objects."""
    module.to(solve.device, dtype_of(solve))
