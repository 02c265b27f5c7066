"""Continuous adjoints by plain torch loops, right ones and wrong ones, for the tests of the diagnosis."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from nodecheck.diagnosis.gradient.observation import Observation
from nodecheck.numerics.formats import UNIT_ROUNDOFF, rounded
from nodecheck.problems import Problem


class Moment(NamedTuple):
    """Time, interval and step of a backward pass, from which a wrong clock computes a wrong time."""

    t: float
    t0: float
    t1: float
    h: float


class Pulled(NamedTuple):
    """Gradients for one cotangent, the observation they belong to, and the index of the cotangent in it."""

    gradients: dict
    observation: Observation
    index: int


CLOCKS: dict[str, Callable[[Moment], float]] = {
    "right": lambda at: at.t,
    "frozen at t0": lambda at: at.t0,
    "frozen at t1": lambda at: at.t1,
    "reversed": lambda at: at.t0 + at.t1 - at.t,
    "one step late": lambda at: at.t + at.h,
    "one step early": lambda at: at.t - at.h,
    "counted from t0": lambda at: at.t - at.t0,
    "counted back from t1": lambda at: at.t1 - at.t,
}
COTANGENTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "right": lambda v: v,
    "clipped": lambda v: np.clip(v, -0.5, 0.5),
    "shifted": lambda v: np.roll(v, 1, axis=1),
    "reversed": lambda v: v[:, ::-1].copy(),
    "averaged": lambda v: np.broadcast_to(v.mean(axis=1, keepdims=True), v.shape).copy(),
    **{name: functools.partial(rounded, name=name) for name in UNIT_ROUNDOFF},
}


@dataclasses.dataclass(frozen=True)
class Bug:
    """Mistakes of a backward pass; the defaults are right."""

    clock: str = "right"
    clock_of_state: bool = True  # the state is reconstructed with the same wrong time
    state: str = "rebuilt"  # "frozen at y1", "frozen at y0", "wrong direction"
    product: str = "transposed"  # "plain", "negative", "none", "half"
    integral: str = "a"  # "a1", "left", "right"
    first: int = 0  # steps skipped at the start of the backward pass
    last: int = 0  # ... and at its end; -1 is one too many
    forward_extra: int = 0
    cotangent: str = "right"  # one of COTANGENTS
    idle_first: int = 0  # steps at the start of the backward pass that leave out the parameter integral
    idle_last: int = 0  # ... and at its end
    rounded: str = ""  # the adjoint is rounded to this format in every step
    only: int | None = None  # the one batch member whose adjoint is propagated


TABLEAUS = {
    "euler": ([[]], [1.0]),
    "heun": ([[], [1.0]], [0.5, 0.5]),
    "rk4": ([[], [0.5], [0.0, 0.5], [0.0, 0.0, 1.0]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}


def advance(slope: Callable, t: float, state: tuple, h: float, method: str) -> tuple:
    """Take one explicit Runge-Kutta step of a tuple of tensors."""
    matrix, weights = TABLEAUS[method]
    stages: list[tuple] = []
    for row in matrix:
        at = tuple(
            x + h * sum((c * k[i] for c, k in zip(row, stages, strict=True)), torch.zeros(()))
            for i, x in enumerate(state)
        )
        stages.append(slope(t + sum(row) * h, at))
    return tuple(
        x + h * sum(w * k[i] for w, k in zip(weights, stages, strict=True)) for i, x in enumerate(state)
    )


def observe(
    problem: Problem, n: int, bug: Bug | None = None, *, method: str = "rk4", seed: int = 0, count: int = 3
):
    """Return the observation of a layer with this bug; all cotangents run as one batch."""
    bug = bug or Bug()
    v = np.random.default_rng(seed).standard_normal((count, *problem.y0.shape))
    params = {k: torch.tensor(p)[None, None].expand(count, 1, *p.shape) for k, p in problem.params.items()}
    names = list(params)
    h = problem.duration / n

    def field(t, y, values):
        return problem.vector_field(
            torch.as_tensor(t, dtype=torch.float64), y, **dict(zip(names, values, strict=True))
        )

    y = torch.tensor(np.broadcast_to(problem.y0, v.shape).copy())
    fixed = list(params.values())
    for i in range(n + bug.forward_extra):
        (y,) = advance(lambda t, s: (field(t, s[0], fixed),), problem.t0 + i * h, (y,), h, method)
    y0, y1, a1 = torch.tensor(problem.y0).expand(v.shape), y, torch.tensor(COTANGENTS[bug.cotangent](v))
    state = (y, a1, *(torch.zeros(count, *p.shape, dtype=torch.float64) for p in problem.params.values()))

    def slope(t, state):
        return _slope(problem, field, fixed, bug, h, (y0, y1, a1), t, state)

    for i in range(-bug.forward_extra + bug.first, n - bug.last):
        if bug.integral in ("left", "right"):
            state = _riemann_step(slope, problem.t1 - i * h, state, h, method, bug.integral)
        else:
            new = advance(slope, problem.t1 - i * h, state, -h, method)
            idle = 0 <= i < bug.idle_first or n - bug.idle_last <= i < n
            state = (*new[:2], *(state[2:] if idle else new[2:]))
        if bug.rounded:
            state = (state[0], torch.tensor(rounded(state[1].numpy(), bug.rounded)), *state[2:])
    found = [
        {"y0": state[1][k].numpy(), **{name: state[2 + i][k].numpy() for i, name in enumerate(names)}}
        for k in range(count)
    ]
    return Observation(problem, tuple(v), tuple(found), n)


def _slope(problem, field, fixed, bug, h, ends, t, state):
    y, a = state[0], state[1]
    y0, y1, a1 = ends
    wrong = CLOCKS[bug.clock](Moment(t, problem.t0, problem.t1, h))
    at = {"frozen at y1": y1, "frozen at y0": y0}.get(bug.state, y).detach().clone().requires_grad_()
    values = [p.detach().clone().requires_grad_() for p in fixed]
    with torch.enable_grad():
        f = field(wrong, at, values)
        weight = a1 if bug.integral == "a1" else a
        dy = torch.autograd.grad(f, [at], a, retain_graph=True)[0]
        dp = torch.autograd.grad(f, values, weight)
    if bug.product == "plain":
        with torch.enable_grad():  # J a is the derivative of the linear map w -> Jᵀ w, applied to a
            w = torch.zeros_like(a).requires_grad_()
            pulled = torch.autograd.grad(field(wrong, at, fixed), [at], w, create_graph=True)[0]
            dy = torch.autograd.grad(pulled, [w], a)[0]
    dy = {"negative": -dy, "none": torch.zeros_like(dy), "half": dy / 2}.get(bug.product, dy)
    if bug.only is not None:
        dy = dy * (torch.arange(dy.shape[1]) == bug.only)[:, None]
    direction = -1.0 if bug.state == "wrong direction" else 1.0
    move = field(wrong if bug.clock_of_state else t, y, fixed)
    return (direction * move, -dy, *(-p[:, 0] for p in dp))


def _riemann_step(slope, t, state, h, method, end):
    """Advance state and adjoint by the method, the parameter integral by one end of the step."""
    new = advance(slope, t, state, -h, method)
    rate = slope(t, state) if end == "right" else slope(t - h, new)
    return (*new[:2], *(p - h * k for p, k in zip(state[2:], rate[2:], strict=True)))


def altered(observation: Observation, change: Callable[[Pulled], dict]) -> Observation:
    """Return the observation with some groups replaced, for each cotangent, by those ``change`` returns."""
    changed = tuple(
        {**g, **change(Pulled(dict(g), observation, k))} for k, g in enumerate(observation.gradients)
    )
    return dataclasses.replace(observation, gradients=changed)
