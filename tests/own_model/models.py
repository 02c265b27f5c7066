"""Models, solves and wrong solves for the audit; each model is small, and not linear."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from nodecheck import ODELayer


class Tanh(nn.Module):
    """An autonomous field."""

    def __init__(self, width=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, t, y):
        return self.net(y)


class Timed(nn.Module):
    """A field that depends on time, with a buffer and a frozen parameter."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(3, 8), nn.Linear(8, 2)
        self.shift = nn.Parameter(torch.full((2,), 0.1), requires_grad=False)
        self.register_buffer("scale", torch.tensor(1.5))

    def forward(self, t, y):
        time = torch.ones_like(y[..., :1]) * t
        return self.scale * self.outer(torch.tanh(self.inner(torch.cat([y, time], -1)))) + self.shift


class Convolution(nn.Module):
    """A field of images."""

    def __init__(self):
        super().__init__()
        self.norm, self.first = nn.GroupNorm(2, 4), nn.Conv2d(4, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, t, y):
        return self.second(torch.tanh(self.first(self.norm(y)))) * (1 + t)


class Flow(nn.Module):
    """A continuous normalising flow: the state and minus the trace of its Jacobian."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, state):
        with torch.enable_grad():
            z = state[0].requires_grad_(True) if not state[0].requires_grad else state[0]
            dz = self.net(t, z)
            rows = [torch.autograd.grad(dz[:, i].sum(), z, create_graph=True)[0][:, i] for i in range(2)]
        return dz, -sum(rows).view(-1, 1)


def batch(model, dtype=torch.float32):
    """Return y0 of a model, the same each time."""
    generator = torch.Generator().manual_seed(1)
    if isinstance(model, Convolution):
        return torch.randn(3, 4, 3, 3, generator=generator).to(dtype)
    y = torch.randn(5, 2, generator=generator).to(dtype)
    return (y, torch.zeros(5, 1, dtype=dtype)) if isinstance(model, Flow) else y


def made(kind, dtype=torch.float32):
    """Return a model whose weights are the same each time."""
    torch.manual_seed(0)
    return kind().to(dtype)


def loss(states):
    """A loss on all outputs that is not linear."""
    parts = states if isinstance(states, tuple) else (states,)
    return sum((part - 0.3).square().mean() for part in parts)


def ours(**options):
    """Return a solve by our layer."""

    def solve(dynamics, y0, t):
        layer = ODELayer(dynamics, float(t[0]), float(t[-1]), **options)
        return layer.solve(y0, t.tolist())

    return solve


class _Euler(torch.autograd.Function):
    """Euler's method and its adjoint by hand; `bug` is one line that is wrong."""

    @staticmethod
    def forward(ctx, field, t0, t1, n, bug, y, *parameters):
        h = (t1 - t0) / n
        with torch.no_grad():
            for k in range(n):
                y = y + h * field(t0 + k * h, y)
        ctx.field, ctx.told = field, (t0, t1, n, bug)
        ctx.save_for_backward(y, *parameters)
        return y

    @staticmethod
    def backward(ctx, a):
        field, (t0, t1, n, bug) = ctx.field, ctx.told
        y, *parameters = ctx.saved_tensors
        h = (t1 - t0) / n
        sums = [torch.zeros_like(p) for p in parameters]
        for k in range(n - (bug == "a step is missing"), 0, -1):
            t = t1 - k * h if bug == "mirrored time" else t0 + k * h
            with torch.enable_grad():
                leaf = y.detach().requires_grad_(True)
                value = field(t, leaf)
                seed = a.abs() if bug == "sign" else a
                grads = torch.autograd.grad(value, [leaf, *parameters], seed, allow_unused=True)
                if bug == "transposed":
                    rows = [torch.autograd.grad(field(t, leaf)[:, i].sum(), leaf)[0] for i in range(2)]
                    moved = torch.stack([(torch.stack(rows, 1) * a[:, None, :]).sum(-1)])[0]
                    grads = (moved, *grads[1:])
            if bug != "state stands still":
                y = y - h * value.detach()
            for total, grad in zip(sums, grads[1:], strict=True):
                if grad is not None:
                    total += h * grad * {"two per cent": 0.98, "mean": 1 / len(a)}.get(bug, 1.0)
            if bug == "adjoint decays":
                a = a * (1 - 0.05 * h)
            a = a + h * grads[0] * (0.5 if bug == "half" else 1.0)
        if bug == "last tensor":
            sums[-1] = None
        return (*(None,) * 5, a, *sums)


def by_hand(n, bug=""):
    """Return a solve by Euler's method, n steps between two outputs, with its adjoint by hand."""

    def solve(dynamics, y0, t):
        parameters = [p for p in dynamics.parameters() if p.requires_grad]
        states, ts = [y0], t.tolist()
        for a, b in itertools.pairwise(ts):
            start = states[-1].detach() if bug == "outputs" else states[-1]
            states.append(_Euler.apply(dynamics, a, b, n, bug, start, *parameters))
        return torch.stack(states)

    return solve


def detached_stage(n):
    """Return a solve by Heun's method whose second stage is detached."""

    def solve(dynamics, y0, t):
        states, ts = [y0], t.tolist()
        for a, b in itertools.pairwise(ts):
            y, h = states[-1], (b - a) / n
            for k in range(n):
                first = dynamics(a + k * h, y)
                second = dynamics(a + (k + 1) * h, y + h * first).detach()
                y = y + 0.5 * h * (first + second)
            states.append(y)
        return torch.stack(states)

    return solve
