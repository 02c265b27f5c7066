"""Right layers that handle some uses in a special way, or refuse them with an error."""

from __future__ import annotations

import itertools

import torch
from right_adjoints import march, once, pulled_back, require_same, trained
from right_loops import rk4_over, rk4_step

from nodecheck import adapt
from nodecheck.layers import TorchLayer


def adjoint_used_once(dynamics, t0, t1, n_steps):
    """Return a layer that frees its graph after the backward pass and raises an error in a second one."""

    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y0, *_params):
            ctx.params = tuple(trained(dynamics).values())
            ctx.end = march(dynamics, t0, t1, n_steps, y0)
            return ctx.end.clone()

        @staticmethod
        def backward(ctx, cotangent):
            if ctx.end is None:
                message = "this graph has been freed: run the forward pass again"
                raise RuntimeError(message)
            require_same(dynamics, ctx.params)
            y1, ctx.end = ctx.end, None
            return once(backward_march(dynamics, t0, t1, n_steps, y1, cotangent))

    return lambda y0: Solve.apply(y0, *trained(dynamics).values())


def backward_march(dynamics, t0, t1, n_steps, y1, cotangent):
    """Return (a, g...) at t0 by integrating (y, a, g...) from t1 to t0 as one vector."""
    like = (y1, cotangent, *trained(dynamics).values())
    sizes = [x.numel() for x in like]

    def slope(t, state):
        y, a, *_ = state.split(sizes)
        f, pulled = pulled_back(dynamics, t, y.view_as(y1), a.view_as(y1))
        return torch.cat([f.reshape(-1), *(-p.reshape(-1) for p in pulled)])

    start = torch.cat([x.reshape(-1) for x in (y1, cotangent, *map(torch.zeros_like, like[2:]))])
    end = march(slope, t1, t0, n_steps, start).split(sizes)
    return tuple(x.view_as(z) for x, z in zip(end, like, strict=True))[1:]


def contiguous_only(dynamics, t0, t1, n_steps):
    """Return a layer that works on one long vector, and refuses a y0 that is not contiguous."""

    def solve(y0):
        if not y0.is_contiguous():
            message = "y0 must be contiguous; call y0.contiguous()"
            raise ValueError(message)
        shape = y0.shape
        return rk4_over(lambda t, z: dynamics(t, z.view(shape)).view(-1), t0, t1, n_steps, y0.view(-1)).view(
            shape
        )

    return solve


def in_place_without_graph(dynamics, t0, t1, n_steps):
    """Return a layer that updates a copy of the state in place where nothing is recorded."""

    def solve(y0):
        if torch.is_grad_enabled():
            return rk4_over(dynamics, t0, t1, n_steps, y0)
        y = y0.clone()
        for i in range(n_steps):
            y.copy_(rk4_step(dynamics, t0 + (t1 - t0) * i / n_steps, (t1 - t0) / n_steps, y))
        return y

    return solve


def in_chunks_of_the_batch(dynamics, t0, t1, n_steps):
    """Return a layer that integrates at most five members of the batch at a time."""
    return lambda y0: torch.cat([rk4_over(dynamics, t0, t1, n_steps, y) for y in y0.split(5)])


def over_unit_interval(dynamics, t0, t1, n_steps):
    """Return a layer that always integrates over [0, 1]."""
    return lambda y0: rk4_over(adapt.over_unit_interval(dynamics, t0, t1), 0.0, 1.0, n_steps, y0)


def on_a_grid_of_float64(dynamics, t0, t1, n_steps):
    """Return a layer that accumulates time from the steps of a grid."""

    def solve(y):
        times, t = torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64).tolist(), t0
        for before, after in itertools.pairwise(times):
            y, t = rk4_step(dynamics, t, after - before, y), t + (after - before)
        return y

    return solve


def adjoint_under_autocast(dynamics, t0, t1, n_steps):
    """Return a layer whose backward pass runs under the autocast state of the forward pass."""

    class Solve(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, y0, *_params):
            ctx.params = tuple(trained(dynamics).values())
            y1 = march(dynamics, t0, t1, n_steps, y0)
            ctx.save_for_backward(y1)
            return y1

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, cotangent):
            require_same(dynamics, ctx.params)
            return once(backward_march(dynamics, t0, t1, n_steps, *ctx.saved_tensors, cotangent))

    return lambda y0: Solve.apply(y0, *trained(dynamics).values())


USES = (
    TorchLayer("adjoint-used-once", adjoint_used_once, order=4, adjoint="continuous", memory="constant"),
    TorchLayer(
        "adjoint-under-autocast",
        adjoint_under_autocast,
        order=4,
        adjoint="continuous",
        memory="constant",
        supports={"autocast"},
    ),
    TorchLayer("rk4-contiguous-only", contiguous_only, order=4, adjoint="discrete"),
    TorchLayer("rk4-in-place-without-graph", in_place_without_graph, order=4, adjoint="discrete"),
    TorchLayer("rk4-in-chunks-of-the-batch", in_chunks_of_the_batch, order=4, adjoint="discrete"),
    TorchLayer("rk4-over-unit-interval", over_unit_interval, order=4, adjoint="discrete"),
    TorchLayer("rk4-on-added-times", on_a_grid_of_float64, order=4, adjoint="discrete"),
)
