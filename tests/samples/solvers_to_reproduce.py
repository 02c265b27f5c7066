"""Layers in plain torch for scripts of failures: each is right, but for one fault that an argument names."""

from itertools import pairwise

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

KEPT = []  # what a layer keeps that should not keep anything
BUFFERS = {}


class Bend(torch.autograd.Function):
    """The identity, whose backward pass changes the cotangent."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y, bend):  # noqa: ARG004
        """Return a copy."""
        return y.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Remember the change, and what was returned."""
        ctx.bend, ctx.output, ctx.before = inputs[1], output.detach(), output.detach().clone()
        ctx.passes = 0

    @staticmethod
    def backward(ctx, cotangent):
        """Return the changed cotangent."""
        ctx.passes += 1
        return ctx.bend(ctx, cotangent), None


class Twice(torch.autograd.Function):
    """The identity, with rules for vmap and forward mode that double."""

    @staticmethod
    def forward(y):
        """Return a copy."""
        return y.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Nothing is needed."""

    @staticmethod
    def backward(ctx, cotangent):  # noqa: ARG004
        """Return the cotangent."""
        return cotangent

    @staticmethod
    def jvp(ctx, tangent):  # noqa: ARG004
        """Return twice the tangent."""
        return 2 * tangent

    @staticmethod
    def vmap(info, in_dims, y):  # noqa: ARG004
        """Return twice the value."""
        return 2 * y, in_dims[0]


ALWAYS = {
    "gradient": lambda _, g: 1.1 * g,
    "gradient noise": lambda _, g: g * (1 + 1e-6 * torch.rand_like(g)),
    "gradient of the mean": lambda _, g: g + 0.1 * g.mean(0),
    "gradient without NaN": lambda _, g: torch.nan_to_num(g),
    "quadratic gradient": lambda _, g: g * g.abs(),
    "small gradient lost": lambda _, g: torch.where(g.abs() < 1e-3, 0.0, g),
    "gradient clipped": lambda _, g: g.clamp(-100.0, 100.0),
    "graph lost": lambda _, g: g.detach(),
    "second pass": lambda ctx, g: g * ctx.passes,
    "overwritten": lambda ctx, g: g if BUFFERS["last"].data_ptr() == ctx.output.data_ptr() else 2 * g,
    "output kept": lambda ctx, g: g * (ctx.output / ctx.before),
}
SOMETIMES = {
    "data": lambda _layer, y: not y.requires_grad,
    "computed state": lambda _layer, y: y.grad_fn is not None,
    "frozen": lambda layer, _: not layer.f.A.requires_grad,
    "unused": lambda layer, _: hasattr(layer.f, "unused"),
    "unused first": lambda layer, _: next(iter(layer.f.parameters())).shape == (7,),
    "nested": lambda layer, _: hasattr(layer.f, "inner"),
    "tied": lambda layer, _: hasattr(layer.f, "twin"),
    "computed": lambda layer, _: not isinstance(layer.f.A, nn.Parameter),
    "trained gradient": lambda layer, _: layer.trained(),
}
BEFORE = {
    "mutates y0": lambda _layer, y: y.data.add_(1.0),
    "mutates data": lambda _layer, y: y if y.requires_grad else y.add_(1.0),
    "mutates A": lambda layer, _: layer.f.A.data.add_(1.0),
    "draws": lambda _layer, _y: torch.rand(()),
    "unfreezes": lambda layer, _: layer.f.A.requires_grad_(True),
    "frozen differentiated": lambda layer, y: _thaw(layer.f) if y.requires_grad else None,
    "raises": lambda _layer, _y: torch.ones(2) @ torch.ones(3),
}
AFTER = {
    "noise": lambda _, y: y + 1e-6 * torch.randn_like(y),
    "batch mean": lambda _, y: y + 0.1 * y.mean(0),
    "double": lambda _, y: y.double(),
    "detached": lambda _, y: y.detach(),
    "infinite": lambda _, y: y / 0,
    "clamped": lambda _, y: y.clamp(-2.0, 2.0),
    "without NaN": lambda _, y: torch.nan_to_num(y),
    "no graph": lambda _, y: y if torch.is_grad_enabled() else 2 * y,
    "transforms": lambda _, y: Twice.apply(y),
    "leaks": lambda _, y: KEPT.append(y.detach().clone()) or y,
    "one buffer": lambda _, y: _buffered(y),
    "trained": lambda layer, y: 2 * y if layer.trained() else y,
    "trained without a graph": lambda layer, y: (
        2 * y if layer.trained() and not torch.is_grad_enabled() else y
    ),
}


def _thaw(f):
    if not f.A.requires_grad:
        f.A.grad = torch.ones_like(f.A)


def _buffered(y):
    buffer = BUFFERS.setdefault(y.shape, torch.empty_like(y, requires_grad=False))
    buffer.copy_(y.detach())
    return y + (buffer - y).detach() if y.requires_grad and "copy" in BUFFERS else buffer


class Heun(nn.Module):
    """Heun's method in equal steps, by backpropagation."""

    def __init__(self, f, t0, t1, n, fault=""):
        super().__init__()
        self.f, self.t0, self.t1, self.n, self.fault = f, t0, t1, n, fault
        self.A = f.A.detach().clone() if hasattr(f, "A") else None

    def trained(self):
        """Return True if the parameters are no longer those of the start."""
        return not torch.equal(self.A, self.f.A)

    def step(self, t, y, h):
        """Return the state after one step."""
        first = self.f(t, y)
        return y + h / 2 * (first + self.f(t if self.fault == "stage time" else t + h, y + h * first))

    def forward(self, y):
        """Return the state at t1."""
        BEFORE.get(self.fault, lambda _layer, _y: None)(self, y)
        if SOMETIMES.get(self.fault, lambda _layer, _y: False)(self, y):
            y = Bend.apply(1 * y, lambda _, g: 2 * g)
            y = y + (self.f.A * 0).sum() if self.fault in ("data", "unused") else y
            bend = True
        else:
            bend = False
        h = (self.t1 - self.t0) / self.n
        for k in range(self.n + (self.fault == "extra step")):
            y = self.step(self.t0 + k * h, y, h)
        if bend:
            y = Bend.apply(y, lambda _, g: 2 * g)
        if self.fault in ALWAYS:
            y = Bend.apply(y, ALWAYS[self.fault])
            BUFFERS["last"] = y
        return AFTER.get(self.fault, lambda _, y: y)(self, y)


def checkpointed(f, t0, t1, n, fault=""):
    """Return a layer that saves its first state alone, or all of them where it has the fault."""
    layer = Heun(f, t0, t1, n)
    return layer if fault else lambda y: checkpoint(layer, y, use_reentrant=False)


def at_times(f, ts, n, fault=""):
    """Return a layer with output times, each part in n steps."""

    def solve(y0):
        states, y = [y0], y0
        for start, end in pairwise(ts):
            h = (end - start) * (1.01 if fault == "late outputs" else 1.0)
            y = Heun(f, start, start + h, n, "stage time" if fault == "stage time" else "")(y)
            states.append(y)
        ys = torch.stack(states)
        return Bend.apply(ys, ALWAYS["gradient"]) if fault == "gradient" else ys

    return solve


def between(f, t0, t1, n, fault=""):
    """Return a layer whose times may be tensors."""
    if fault == "gradient of times":
        t1 = Bend.apply(t1, ALWAYS["gradient"])
    if fault == "one end for all" and torch.is_tensor(t1):
        t1 = t1.mean().expand(t1.shape)
    if torch.is_tensor(t1) and t1.ndim:
        t0, t1 = (torch.as_tensor(t)[:, None] for t in (t0, t1))
    return Heun(f, t0, t1, n)


def with_log_det(f, t0, t1, n, fault=""):
    """Return a layer that returns the log-determinant, too."""

    def slope(t, z):
        y = z[:, :-1] if z.requires_grad else z[:, :-1].detach().requires_grad_()
        value = f(t, y)
        rows = [
            torch.autograd.grad(value[:, i].sum(), y, create_graph=True)[0][:, i] for i in range(y.shape[1])
        ]
        return torch.cat([value, torch.stack(rows).sum(0)[:, None]], -1)

    def solve(y0):
        with torch.enable_grad():
            z = Heun(slope, t0, t1, n)(torch.cat([y0, 0 * y0[:, :1]], -1))
        volume = Bend.apply(z[:, -1], ALWAYS["gradient"]) if fault == "gradient" else z[:, -1]
        return z[:, :-1], volume * (1.1 if fault == "log-determinant" else 1.0)

    return solve


def by_tolerance(f, t0, t1, tol, fault=""):
    """Return a layer whose steps follow the tolerance, or that takes two whatever it is."""
    return Heun(f, t0, t1, int(2 * (1.0 if fault else tol) ** (-1 / 3)))
