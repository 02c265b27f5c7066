"""Tensors, all of which are made here: the values of a solve, on its device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import Array, Solve


def tensor_of(values: Array, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """Return values as a tensor on a device, of their own dtype unless another is named."""
    return torch.tensor(values, dtype=dtype, device=device)


def leaf_of(values: Array, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """Return the same as a leaf at which a gradient arrives."""
    return tensor_of(values, device, dtype).requires_grad_()


def dtype_of(solve: Solve) -> torch.dtype:
    """Return the dtype of the state and of the parameters."""
    dtype: torch.dtype = getattr(torch, solve.dtype)
    return dtype


def dynamics_of(solve: Solve) -> Dynamics:
    """Return the vector field of a solve, with its parameters on the device."""
    dynamics = Dynamics(solve.problem, dtype_of(solve))
    place(dynamics, solve.device)
    return dynamics


def place(module: nn.Module, device: str) -> None:
    """Move a module to a device; its parameters stay the same objects."""
    module.to(device)
