"""Right layers with a backward pass of their own."""

from __future__ import annotations

import functools

import torch
from right_loops import rk4_step
from torch.func import functional_call, vjp

from nodecheck.layers import TorchLayer


def trained(dynamics):
    """Return the parameters that require a gradient, by name."""
    return {name: p for name, p in dynamics.named_parameters() if p.requires_grad}


def require_same(dynamics, params):
    """Raise an error if the dynamics has other parameters than in the forward pass."""
    now = tuple(trained(dynamics).values())
    if len(now) != len(params) or any(p is not q for p, q in zip(now, params, strict=True)):
        message = "the parameters were replaced between the forward and the backward pass"
        raise RuntimeError(message)


class Once(torch.autograd.Function):
    """The identity on gradients, which cannot be differentiated."""

    @staticmethod
    def forward(_ctx, _anchor, *gradients):
        return tuple(g.view_as(g) for g in gradients)

    @staticmethod
    def backward(_ctx, *_):
        message = "this layer can be differentiated once"
        raise RuntimeError(message)


def once(gradients):
    """Return gradients that raise an error where they are differentiated again."""
    if not torch.is_grad_enabled():
        return tuple(gradients)
    return Once.apply(torch.zeros((), requires_grad=True), *gradients)


def with_backward(forward, backward, dynamics):
    """Return y0 -> y1 from forward(y0) -> (y1, kept) and backward(y1, kept, cotangent) -> (dy0, *dparams)."""

    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y0, *_params):
            ctx.params = tuple(trained(dynamics).values())
            y1, ctx.kept = forward(y0)
            y1 = y1.clone()  # an output that ctx keeps is a reference cycle
            ctx.save_for_backward(y1)
            return y1

        @staticmethod
        def backward(ctx, cotangent):
            require_same(dynamics, ctx.params)
            return once(backward(*ctx.saved_tensors, ctx.kept, cotangent))

    return lambda y0: Solve.apply(y0, *trained(dynamics).values())


def march(field, t0, t1, n_steps, y):
    h = (t1 - t0) / n_steps
    for i in range(n_steps):
        y = rk4_step(field, t0 + i * h, h, y)
    return y


def pulled_back(dynamics, t, y, a):
    """Return f, and the products of a with its derivatives with respect to y and the parameters."""
    with torch.enable_grad():
        inputs = (y.detach().requires_grad_(), *trained(dynamics).values())
        f = dynamics(t, inputs[0])
        return f.detach(), torch.autograd.grad(f, inputs, a, materialize_grads=True)


def flat_augmented_adjoint(dynamics, t0, t1, n_steps):
    """Return a layer with state, adjoint and parameter integrals in one long vector."""

    def flat(tensors):
        return torch.cat([x.reshape(-1) for x in tensors])

    def forward(y0):
        return march(dynamics, t0, t1, n_steps, y0), None

    def backward(y1, _kept, cotangent):
        like = (y1, cotangent, *trained(dynamics).values())
        sizes = [x.numel() for x in like]

        def field(t, state):
            y, a, *_ = (x.view_as(z) for x, z in zip(state.split(sizes), like, strict=True))
            f, pulled = pulled_back(dynamics, t, y, a)
            return flat((f, *(-p for p in pulled)))

        start = flat((y1, cotangent, *(torch.zeros_like(p) for p in like[2:])))
        end = march(field, t1, t0, n_steps, start).split(sizes)
        return [x.view_as(z) for x, z in zip(end, like, strict=True)][1:]

    return with_backward(forward, backward, dynamics)


def functorch_adjoint(dynamics, t0, t1, n_steps):
    """Return a layer that solves the same equations with torch.func.vjp, by RK4 over lists."""
    names = list(trained(dynamics))

    def forward(y0):
        return march(dynamics, t0, t1, n_steps, y0), None

    def field(t, state):
        y, a, *_ = state
        params = {name: p.detach() for name, p in trained(dynamics).items()}
        f, pull = vjp(lambda y, p: functional_call(dynamics, p, (t, y)), y, params)
        dy, dp = pull(a)
        return [f, -dy, *(-dp[name] for name in names)]

    def backward(y1, _kept, cotangent):
        state, h = (
            [y1, cotangent, *(torch.zeros_like(p) for p in trained(dynamics).values())],
            (t0 - t1) / n_steps,
        )
        for i in range(n_steps):
            t = t1 + i * h
            k1 = field(t, state)
            k2 = field(t + h / 2, [x + h / 2 * k for x, k in zip(state, k1, strict=True)])
            k3 = field(t + h / 2, [x + h / 2 * k for x, k in zip(state, k2, strict=True)])
            k4 = field(t + h, [x + h * k for x, k in zip(state, k3, strict=True)])
            slopes = zip(k1, k2, k3, k4, strict=True)
            state = [
                x + h / 6 * (a + 2 * b + 2 * c + d) for x, (a, b, c, d) in zip(state, slopes, strict=True)
            ]
        return state[1:]

    return with_backward(forward, backward, dynamics)


def interpolating_adjoint(dynamics, t0, t1, n_steps):
    """Return a layer that keeps the trajectory; its backward pass reads it by Hermite interpolation."""
    h = (t1 - t0) / n_steps

    def forward(y0):
        states = [y0]
        for i in range(n_steps):
            states.append(rk4_step(dynamics, t0 + i * h, h, states[-1]))
        slopes = [dynamics(t0 + i * h, y) for i, y in enumerate(states)]
        return states[-1], (states, slopes)

    def backward(_y1, kept, a):
        states, slopes = kept
        sizes = [a.numel(), *(p.numel() for p in trained(dynamics).values())]

        def middle(i):
            return (states[i] + states[i + 1]) / 2 + h / 8 * (slopes[i] - slopes[i + 1])

        state = torch.cat([a.reshape(-1), a.new_zeros(sum(sizes[1:]))])
        for i in reversed(range(n_steps)):

            def field(t, state, i=i):
                s = round(2 * ((t - t0) / h - i))
                y = (states[i], middle(i), states[i + 1])[s]
                pulled = pulled_back(dynamics, t, y, state[: sizes[0]].view_as(a))[1]
                return -torch.cat([p.reshape(-1) for p in pulled])

            state = rk4_step(field, t0 + (i + 1) * h, -h, state)
        return [
            x.view_as(z) for x, z in zip(state.split(sizes), (a, *trained(dynamics).values()), strict=True)
        ]

    return with_backward(forward, backward, dynamics)


def list_of_closures(dynamics, t0, t1, n_steps):
    """Return a layer that stores one pullback for each step and calls them in reverse order."""
    h = (t1 - t0) / n_steps

    def forward(y):
        params, pullbacks = {k: p.detach() for k, p in trained(dynamics).items()}, []
        for i in range(n_steps):

            def step(y, params, t=t0 + i * h):
                return rk4_step(lambda t, y: functional_call(dynamics, params, (t, y)), t, h, y)

            y, pullback = vjp(step, y, params)
            pullbacks.append(pullback)
        return y, pullbacks

    def backward(_y1, pullbacks, a):
        total = {name: torch.zeros_like(p) for name, p in trained(dynamics).items()}
        for pullback in reversed(pullbacks):
            a, more = pullback(a)
            total = {name: total[name] + more[name] for name in total}
        return a, *total.values()

    return with_backward(forward, backward, dynamics)


def differentiable_adjoint(dynamics, t0, t1, n_steps):
    """Return a layer whose backward pass consists of operations that autograd records if it is asked to."""
    names = list(trained(dynamics))

    def field_of(params, like, sizes):
        def f(t, y, *params):
            return functional_call(dynamics, dict(zip(names, params, strict=True)), (t, y))

        def field(t, state):
            y, a, *_ = (x.view_as(z) for x, z in zip(state.split(sizes), like, strict=True))
            slope, pull = vjp(functools.partial(f, t), y, *params)
            return torch.cat([slope.reshape(-1), *(-p.reshape(-1) for p in pull(a))])

        return field

    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y0, *params):
            y1 = march(dynamics, t0, t1, n_steps, y0)
            ctx.save_for_backward(y1, *params)
            return y1

        @staticmethod
        def backward(ctx, cotangent):
            y1, *params = ctx.saved_tensors
            like = (y1, cotangent, *params)
            sizes = [x.numel() for x in like]
            start = torch.cat([y1.reshape(-1), cotangent.reshape(-1), y1.new_zeros(sum(sizes[2:]))])
            end = march(field_of(params, like, sizes), t1, t0, n_steps, start).split(sizes)
            return tuple(x.view_as(z) for x, z in zip(end, like, strict=True))[1:]

    return lambda y0: Solve.apply(y0, *trained(dynamics).values())


ADJOINTS = (
    TorchLayer(
        "differentiable-adjoint",
        differentiable_adjoint,
        order=4,
        adjoint="continuous",
        supports={"double-backward"},
    ),
    TorchLayer(
        "flat-augmented-adjoint", flat_augmented_adjoint, order=4, adjoint="continuous", memory="constant"
    ),
    TorchLayer("functorch-adjoint", functorch_adjoint, order=4, adjoint="continuous", memory="constant"),
    TorchLayer(
        "interpolating-adjoint", interpolating_adjoint, order=4, adjoint="continuous", memory="linear"
    ),
    TorchLayer("list-of-closures", list_of_closures, order=4, adjoint="discrete", memory="linear"),
)
