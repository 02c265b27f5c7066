"""What exact gradients with respect to times are made of, and what wrong ones are made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nodecheck.layers import Array, LayerUnderTest
from nodecheck.measure.time_gradients import enough_for_times
from nodecheck.numerics.constants import BOOLE_NODES, BOOLE_WEIGHTS
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity


@dataclass(frozen=True, eq=False)
class Terms:
    """What the exact gradients are made of; T times, t0 first, and C cotangents.

    Attributes
    ----------
    ts, states
        Times, and the states there, shape (T, B, d).
    cotangents
        Those of the state at each time, shape (C, T, B, d): zero where it is not asked for.
    adjoints
        The adjoint at each time, with the cotangent there and those of later states, of that shape.
    carried
        The same adjoints, carried back to t0.
    """

    problem: Problem
    ts: tuple[float, ...]
    states: Array
    cotangents: Array
    adjoints: Array
    carried: Array

    def field(self, t: int, y: int) -> Array:
        """Return f at the time and at the state with these indices, shape (B, d)."""
        time = np.asarray(self.ts[t])
        return np.asarray(self.problem.vector_field(time, self.states[y], **self.problem.params))

    def start(self, t: int, y: int) -> Array:
        """Return ∂L/∂t0 with the field at another time or state, shape (C, 1)."""
        arriving = self.adjoints[:, 0] - self.cotangents[:, 0]
        return np.asarray(-np.sum(arriving * self.field(t, y), axis=(-2, -1))[:, None])

    def outputs(self, t: list[int], y: list[int], factors: Array) -> Array:
        """Return ∂L/∂ts[1:] with the field at other times or states, and other factors than w_k."""
        fields = np.stack([self.field(*pair) for pair in zip(t, y, strict=True)])
        return np.asarray(np.sum(factors[:, 1:] * fields, axis=(-2, -1)))


def terms_of(layer: LayerUnderTest, problem: Problem) -> Terms:
    """Return the terms of a problem and of the cotangents that a layer is given."""
    reference = sensitivity(problem)
    w = np.stack(layer.cotangents(problem, enough_for_times(layer, problem)))
    states, jacobians = reference.y1, reference.jacobians["y0"]
    if not problem.ts:  # the final state alone, as the second of two
        states, w = np.stack([problem.y0, states]), np.stack([np.zeros_like(w), w], axis=1)
        jacobians = np.stack([np.broadcast_to(np.eye(jacobians.shape[-1]), jacobians.shape), jacobians])
    at_start = np.einsum("ctbi,tbij->ctbj", w, jacobians)
    later = np.cumsum(at_start[:, ::-1], axis=1)[:, ::-1]
    adjoints = np.einsum("ctbj,tbji->ctbi", later, np.linalg.inv(jacobians))
    return Terms(problem, problem.ts or (problem.t0, problem.t1), states, w, adjoints, later)


def of_start(terms: Terms, exact: Array) -> Iterator[tuple[str, Array]]:
    """Yield what ∂L/∂t0 may be in place of -<a(t0), f(t0, y0)>."""
    yield "takes the field at t1, not at t0", terms.start(-1, 0)
    yield "takes the field at y1, not at y0", terms.start(0, -1)
    yield "takes the field at t1 and y1, not at t0 and y0", terms.start(-1, -1)
    yield (
        "is minus the sum of the others: that is right only of a field that does not depend on t",
        -np.sum(exact[:, 1:], axis=1, keepdims=True),
    )
    f0 = terms.field(0, 0)
    of_cotangents = -np.einsum("ctbi,bi->c", terms.cotangents[:, 1:], f0)[:, None]
    yield "has the cotangents in place of the adjoint at t0", of_cotangents
    with_first = terms.start(0, 0) - np.sum(terms.cotangents[:, 0] * f0, axis=(1, 2))[:, None]
    yield "counts the cotangent of ys[0], which is y0 and does not depend on t0", with_first


def of_outputs(terms: Terms, exact: Array) -> Iterator[tuple[str, Array]]:
    """Yield what ∂L/∂ts[k] may be in place of <w_k, f(t_k, y_k)>."""
    own = list(range(1, len(terms.ts)))
    first, last, before = [0] * len(own), [own[-1]] * len(own), [k - 1 for k in own]
    w = terms.cotangents
    yield "takes the field at t0, not at the time of the state", terms.outputs(first, own, w)
    yield "takes the field at y0, not at the state of that time", terms.outputs(own, first, w)
    yield "takes the field at t0 and y0, not at the end", terms.outputs(first, first, w)
    yield (
        "has the adjoint at t0 in place of the cotangent",
        terms.outputs(own, own, np.repeat(terms.adjoints[:, :1], len(terms.ts), axis=1)),
    )
    if len(own) == 1:
        return
    yield "takes the field at t1 and y1, not at the time of each state", terms.outputs(last, last, w)
    yield "takes the field at the output time before", terms.outputs(before, before, w)
    yield (
        "has the adjoint there, with the cotangents of later states, in place of the cotangent",
        terms.outputs(own, own, terms.adjoints),
    )
    alone = np.zeros_like(exact[:, 1:])
    alone[:, -1] = exact[:, -1]
    yield "arrives at the last time alone", alone


def with_detached(terms: Terms, exact: Array) -> tuple[Array, Array]:
    """Return ∂L/∂t of a layer of many steps whose places are numbers, and of one whose step sizes are.

    n steps of size h = (b - a) / n from a to b add up the terms h a(s) f(s, y(s)).  If s is a number, the
    derivative with respect to b is their mean, and that with respect to a minus the mean.  The rest of the
    exact derivative comes from s.
    """
    places = np.zeros_like(exact)
    for k, mean in enumerate(_means(terms)):
        places[:, k + 1] += mean
        places[:, k] -= mean
    return places, exact - places


def _means(terms: Terms) -> Iterator[Array]:
    """Yield the mean of a(s) f(s, y(s)) over each part between two times, by Boole's rule, shape (C,)."""
    problem, ends = terms.problem, list(itertools.pairwise(terms.ts))
    ts = [a + x * (b - a) for a, b in ends for x in BOOLE_NODES[:-1]] + [terms.ts[-1]]
    fine = sensitivity(problem.replace(name=f"{problem.name}_finely", ts=tuple(map(float, ts))))
    inverses = np.linalg.inv(fine.jacobians["y0"])
    slopes = np.stack(
        [problem.vector_field(np.asarray(t), y, **problem.params) for t, y in zip(ts, fine.y1, strict=True)]
    )
    for k in range(len(ends)):
        part = slice(k * (len(BOOLE_NODES) - 1), k * (len(BOOLE_NODES) - 1) + len(BOOLE_NODES))
        adjoints = np.einsum("cbj,tbji->ctbi", terms.carried[:, k + 1], inverses[part])
        yield np.einsum("ctbi,tbi,t->c", adjoints, slopes[part], np.array(BOOLE_WEIGHTS))
