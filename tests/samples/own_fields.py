"""Modules as users write them, and the problems that they make."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nodecheck.problems import from_module

__all__ = ["CONVOLUTION", "TANH", "Convolution", "Perceptron", "batch", "problem"]


class Perceptron(nn.Module):
    """A network of the state, and of time unless it is left out."""

    def __init__(
        self, *, time: bool = True, width: int = 8, size: int = 2, activation: type[nn.Module] = nn.Tanh
    ) -> None:
        super().__init__()
        self.time = time
        self.net = nn.Sequential(nn.Linear(size + time, width), activation(), nn.Linear(width, size))

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        if self.time:
            y = torch.cat([y, t.expand(*y.shape[:-1], 1)], dim=-1)
        return 3.0 * self.net(y)


class Convolution(nn.Module):
    """A field on images of two channels, with time as a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.second = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return (1 + t) * self.second(torch.tanh(self.norm(self.first(y))))


class SymmetricGradient(nn.Module):
    """The gradient of a potential, by autograd inside the field: its Jacobian is symmetric."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(2, 8), nn.Linear(8, 1)

    def forward(self, _t: Tensor, y: Tensor) -> Tensor:
        with torch.enable_grad():
            x = y if y.requires_grad else y.detach().requires_grad_()
            potential = self.outer(torch.tanh(self.inner(x))).sum()
            return -3.0 * torch.autograd.grad(potential, x, create_graph=True)[0]


class Detached(Perceptron):
    """Autograd does not see what the state does to the field."""

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return super().forward(t, y.detach())


class Casting(Perceptron):
    """Something inside is float32."""

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return super().forward(t, y).float().to(y)


class Normalised(Perceptron):
    """Batch normalisation: members depend on each other while it is in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return self.norm(super().forward(t, y))


class Dropping(Perceptron):
    """Dropout: no function of the state."""

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(t, y), 0.5, self.training)


def seeded(kind: type[nn.Module], **options: object) -> nn.Module:
    """Return a module with the same numbers each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(**options)


def batch(*shape: int) -> Tensor:
    """Return float32 states of this shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def problem(kind: type[nn.Module] = Perceptron, *, name: str = "mine", t1: float = 1.25, **options: object):
    """Return the problem of a module of this kind on four states of two components."""
    return from_module(name, seeded(kind, **options), batch(4, 2), 0.5, t1)


TANH = problem(name="tanh")
AUTONOMOUS = problem(name="autonomous", time=False)
RELU = problem(name="relu", activation=nn.ReLU)
CONVOLUTION = from_module("convolution", seeded(Convolution), batch(3, 2, 3, 3), 0.5, 0.75)
DROPPING = problem(Dropping, name="dropping")
DETACHED = problem(Detached, name="detached")
