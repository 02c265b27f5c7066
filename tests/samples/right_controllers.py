"""Right adaptive layers of many kinds: orders one to eight, one-step and multistep, explicit and implicit."""

from __future__ import annotations

import torch
from scipy.integrate import solve_ivp

from nodecheck.layers import TorchLayer

# Stage rows, weights, weights of the embedded method, nodes, order of the error estimate.
_HEUN = ([[], [1.0]], [1 / 2, 1 / 2], [1.0, 0.0], [0.0, 1.0], 2)
_BOGACKI_SHAMPINE = (
    [[], [1 / 2], [0.0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
    [2 / 9, 1 / 3, 4 / 9, 0.0],
    [7 / 24, 1 / 4, 1 / 3, 1 / 8],
    [0.0, 1 / 2, 3 / 4, 1.0],
    3,
)


def _step(f, t, h, y, tableau):
    a, weights, embedded, nodes, _ = tableau
    stages = []
    for row, node in zip(a, nodes, strict=True):
        stages.append(f(t + node * h, y + h * sum(x * k for x, k in zip(row, stages, strict=True))))
    return [h * sum(x * k for x, k in zip(w, stages, strict=True)) for w in (weights, embedded)]


def pair(tableau, *, lower=False, per_unit=False):
    """Return the build of an embedded pair under an error control.

    With `lower`, the solution of lower order is kept.  With `per_unit`, the error is controlled per unit of
    time, otherwise per step.
    """
    order = tableau[-1] - per_unit

    def build(dynamics, t0, t1, tol):
        def solve(y):
            t, h = t0, (t1 - t0) / 20
            while t != t1:
                last = abs(h) >= abs(t1 - t)
                h = t1 - t if last else h
                increments = _step(dynamics, t, h, y, tableau)
                difference = (increments[0] - increments[1]).detach() / (abs(h) if per_unit else 1.0)
                error = float((difference / (tol * (1 + y.detach().abs()))).square().mean().sqrt())
                if error <= 1:
                    t, y = t1 if last else t + h, y + increments[lower]
                h = h * min(5.0, max(0.2, 0.9 * (error + 1e-12) ** (-1 / order)))
            return y

        return solve

    return build


def by_scipy(method):
    """Return the build of a layer that computes in SciPy and has no gradient."""

    def build(dynamics, t0, t1, tol):
        def solve(y0):
            def field(t, y):
                with torch.no_grad():
                    return dynamics(t, torch.tensor(y).view_as(y0)).reshape(-1).numpy()

            start = y0.detach().reshape(-1).numpy()
            found = solve_ivp(field, (t0, t1), start, method=method, rtol=tol, atol=tol)
            return torch.tensor(found.y[:, -1]).view_as(y0)

        return solve

    return build


RIGHT = (
    TorchLayer("heun", pair(_HEUN), order=2),
    TorchLayer("heun, Euler kept", pair(_HEUN, lower=True), order=1),
    TorchLayer("bogacki-shampine", pair(_BOGACKI_SHAMPINE), order=3),
    TorchLayer("bogacki-shampine, lower order kept", pair(_BOGACKI_SHAMPINE, lower=True), order=3),
    TorchLayer("bogacki-shampine, per unit step", pair(_BOGACKI_SHAMPINE, per_unit=True), order=3),
    TorchLayer("scipy RK45", by_scipy("RK45"), order=5),
    TorchLayer("scipy DOP853", by_scipy("DOP853"), order=8),
    TorchLayer("scipy Radau", by_scipy("Radau"), order=5),
    TorchLayer("scipy BDF", by_scipy("BDF")),
    TorchLayer("scipy LSODA", by_scipy("LSODA")),
)
