"""Discrete adjoints of Runge-Kutta methods whose products are taken at the states of any stages."""

from __future__ import annotations

import torch

from nodecheck.layers import TorchLayer
from nodecheck.numerics.tableaus import TABLEAUS


class Adjoint(torch.autograd.Function):
    """Steps of a method, and their adjoint with the product of stage i at the state of stage where[i]."""

    @staticmethod
    def forward(ctx, dynamics, interval, tableau, where, y, *_params):
        (start, end, n_steps), steps = interval, []
        h = (end - start) / n_steps
        with torch.no_grad():
            for k in range(n_steps):
                times, states, slopes = [start + (k + float(c)) * h for c in tableau.c], [], []
                for t, row in zip(times, tableau.a, strict=True):
                    states.append(y + h * sum(float(x) * s for x, s in zip(row, slopes, strict=True)))
                    slopes.append(dynamics(t, states[-1]))
                y = y + h * sum(float(x) * s for x, s in zip(tableau.b, slopes, strict=True))
                steps.append((times, [*states, y]))
        ctx.kept = dynamics, h, tableau, where, steps
        return y.clone()

    @staticmethod
    def backward(ctx, adjoint):
        dynamics, h, tableau, where, steps = ctx.kept
        params = list(dynamics.parameters())
        pulled = [torch.zeros_like(p) for p in params]
        for times, states in reversed(steps):
            products = [torch.zeros_like(adjoint) for _ in times]
            for i in reversed(range(len(times))):
                later = sum(float(tableau.a[j][i]) * products[j] for j in range(i + 1, len(times)))
                state = states[where[i]].detach().requires_grad_()
                with torch.enable_grad():
                    slope = dynamics(times[i], state)
                given = h * (float(tableau.b[i]) * adjoint + later)
                products[i], *found = torch.autograd.grad(slope, [state, *params], given)
                pulled = [a + b for a, b in zip(pulled, found, strict=True)]
            adjoint = adjoint + sum(products)
        return (*[None] * 4, adjoint, *pulled)


def stage_adjoint(name, where):
    """Return a layer with the method of this name, and the stages at whose states products are taken."""
    tableau = TABLEAUS[name]

    def build(dynamics, t0, t1, n_steps):
        interval = (t0, t1, n_steps)
        return lambda y: Adjoint.apply(dynamics, interval, tableau, where, y, *dynamics.parameters())

    return TorchLayer("stage-adjoint", build, order=tableau.order, adjoint="discrete")
