"""The subject of an audit: a solve as it is trained, its dynamics, a batch, and a loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodecheck.own_model.states import Layout, State, layout_of, mapped, parts
from nodecheck.problems.modules.copies import copied
from nodecheck.results.percentages import fraction

__all__ = ["LOSS_OF_NONE", "Audit", "Loss", "Solve", "Task", "task_of"]

Solve = Callable[[nn.Module, State, Tensor], State]
Loss = Callable[[State], Tensor]
LOSS_OF_NONE = "none was given: a linear function of the states with random weights, the same in every run"
_SEED = 0


@dataclass(frozen=True)
class Audit:
    """A solve whose gradient is to be audited, as it is used in training.

    Parameters
    ----------
    name : str
        The name in the report.
    solve : function
        ``solve(dynamics, y0, t)`` returns the states at the times t, (len(t), *y0.shape), or the last one
        alone, of shape y0.shape; a tuple of these where y0 is a tuple.  It must use the dynamics that it is
        given: those of the audit are copies.
    dynamics : nn.Module
        Called as ``dynamics(t, y)``.  The gradient of its parameters that require grad is audited.
    y0 : Tensor or tuple of tensors
        A batch of initial states, (B, ...).  Its own gradient is audited too where it requires grad.
    t : Tensor of shape (T,)
        The times, increasing or decreasing; t[0] is that of y0.
    loss : function or None
        Maps what `solve` returns to a scalar; it may go through a decoder.  None for a random linear
        function, the same in every run.
    target : float
        The relative error that is acceptable, of the whole gradient; 0.01, or as text "1%".
    refine : function or None
        ``refine(k)`` returns the same solve at a finer setting: tolerances divided by 10^k, or 2^k times the
        steps.  None if `solve` uses torchdiffeq, torchode, torchdyn or `ODELayer`, whose settings are known.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of this kind.
    """

    name: str
    solve: Solve
    dynamics: nn.Module
    y0: State
    t: Tensor
    loss: Loss | None = None
    target: float = 0.01
    refine: Callable[[int], Solve] | None = None

    def __post_init__(self) -> None:
        if not callable(self.solve):
            raise TypeError(_expected("solve", "a function of (dynamics, y0, t)", self.solve))
        if not isinstance(self.dynamics, nn.Module):
            raise TypeError(_expected("dynamics", "an nn.Module, called as dynamics(t, y)", self.dynamics))
        if isinstance(self.dynamics, torch.jit.ScriptModule):
            raise TypeError(_expected("dynamics", "the module before torch.jit.script", self.dynamics))
        if not parts(self.y0) or not all(isinstance(part, Tensor) for part in parts(self.y0)):
            raise TypeError(_expected("y0", "a tensor or a tuple of tensors", self.y0))
        if not isinstance(self.t, Tensor) or self.t.ndim != 1 or len(self.t) < 2:
            raise TypeError(_expected("t", "a tensor of at least two times", self.t))
        for name, tensor in (("y0", part) for part in parts(self.y0)):
            _refuse_dtype(name, tensor)
        _refuse_dtype("t", self.t)
        for name, tensor in self.dynamics.named_parameters():
            if tensor.requires_grad:
                _refuse_dtype(name, tensor)
        steps = self.t.detach().diff()
        if not (bool((steps > 0).all()) or bool((steps < 0).all())):
            raise ValueError(f"t must increase or decrease, got {self.t.tolist()}; sort the times")
        object.__setattr__(self, "target", fraction(self.target, "target"))


@dataclass(frozen=True)
class Task:
    """An audit in one dtype: copies of the module and of the batch, and the loss."""

    dynamics: nn.Module
    y0: State
    t: Tensor
    loss: Loss
    layout: Layout
    wrt_y0: bool

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that require grad, by name."""
        return {name: p for name, p in self.dynamics.named_parameters() if p.requires_grad}

    @property
    def times(self) -> list[float]:
        """The times as numbers."""
        return [float(t) for t in self.t.tolist()]

    @property
    def backwards(self) -> bool:
        """True if the times decrease."""
        return self.times[-1] < self.times[0]


def task_of(audit: Audit, dtype: torch.dtype | None = None) -> Task:
    """Return the audit in this dtype, or in its own; nothing of the user's is changed by a solve of it."""

    def converted(tensor: Tensor) -> Tensor:
        return tensor.detach().clone() if dtype is None else tensor.detach().to(dtype, copy=True)

    y0 = mapped(converted, audit.y0)
    dynamics = copied(audit.dynamics)
    for p in dynamics.parameters():
        p.grad = None
    return Task(
        dynamics=dynamics if dtype is None else dynamics.to(dtype),
        y0=y0,
        t=converted(audit.t),
        loss=_loss_of(audit),
        layout=layout_of(y0),
        wrt_y0=any(part.requires_grad for part in parts(audit.y0)),
    )


def _loss_of(audit: Audit) -> Loss:
    """Return the loss for states of any dtype.

    A loss that goes through modules in the user's own dtype is computed in that: the states are cast.
    """
    own = parts(audit.y0)[0].dtype
    if audit.loss is None:
        return _random_loss
    chosen = audit.loss

    def loss(states: State) -> Tensor:
        if parts(states)[0].dtype == own:
            return chosen(states)
        try:
            return chosen(states)
        except (RuntimeError, TypeError, ValueError) as error:  # an LSTM raises a ValueError
            if "dtype" not in str(error) and "type" not in str(error):
                raise
            return chosen(mapped(lambda part: part.to(own), states))

    return loss


def _random_loss(states: State) -> Tensor:
    """Return a linear function of the states whose coefficients are random, and the same in every call."""
    generator = torch.Generator().manual_seed(_SEED)
    terms = []
    for part in parts(states):
        weights = torch.randn(part.shape, generator=generator, dtype=torch.float64)
        terms.append((part * weights.to(part)).sum() / math.sqrt(part.numel()))
    return torch.stack(terms).sum()


def _refuse_dtype(name: str, tensor: Tensor) -> None:
    """Raise a TypeError for a tensor that is complex or of integers."""
    if not tensor.is_floating_point():
        message = (
            f"{name} must be real and of floating point, got {tensor.dtype}; write a complex state as its "
            "real and imaginary part, and times as floats: the exact gradient is computed in float64"
        )
        raise TypeError(message)


def _expected(name: str, kind: str, received: object) -> str:
    return f"{name} must be {kind}, got {type(received).__name__}; see help(nodecheck.Audit)"
