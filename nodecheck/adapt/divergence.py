"""The field with its divergence, whose integral is the log-determinant of the flow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.adapt.view import View


def with_divergence(dynamics: nn.Module) -> nn.Module:
    """Return f with ``f(t, (y, l)) = (dynamics(t, y), tr ∂f/∂y)``, for layers that integrate tuples.

    y has shape (B, d), and l shape (B,) or (B, 1), zero at t0.  The trace is exact: d products with the
    transposed Jacobian, which can be differentiated.  The integral of it is log |det ∂y1/∂y0|.

    Examples
    --------
    >>> def build(dynamics, t0, t1, n_steps):
    ...     def solve(y0):
    ...         start = (y0, torch.zeros_like(y0[:, 0]))
    ...         ys, ls = odeint(adapt.with_divergence(dynamics), start, adapt.grid(t0, t1, n_steps, like=y0))
    ...         return ys[-1], ls[-1]
    ...     return solve
    >>> layer = TorchLayer("flow", build, output="log-det")
    """
    return _WithDivergence(dynamics)


class _WithDivergence(View):
    made_by, takes = "with_divergence", "f(t, (y, l))"

    def forward(self, t: Any, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        y, log_det = state
        trained = torch.is_grad_enabled() and (
            y.requires_grad or any(parameter.requires_grad for parameter in self.parameters())
        )
        with torch.enable_grad():
            at = y if trained and y.requires_grad else y.detach().requires_grad_()
            slope = self.dynamics(t, at)
            divergence = _trace(slope, at).reshape(log_det.shape)
        return (slope, divergence) if trained else (slope.detach(), divergence.detach())


def _trace(slope: Tensor, y: Tensor) -> Tensor:
    """Return the sum of the diagonal of ∂f/∂y for each member, shape (B,)."""
    total = torch.zeros_like(y[:, 0])
    for i in range(y.shape[-1] if slope.requires_grad else 0):
        value = slope[:, i].sum()
        (row,) = torch.autograd.grad(value, y, create_graph=True, allow_unused=True)
        if row is not None:
            total = total + row[:, i]
    return total
