"""Solves: what a layer is asked to do, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nodecheck.problems import Problem


@dataclass(frozen=True)
class Variation:
    """A way to use a layer under which its answer must not change, or changes in a known way.

    Attributes
    ----------
    name
        The name by which a backend knows it; a backend that does not is not asked.
    when
        A clause for reports: "when y0 is computed".
    others
        Problems that the same use solves besides, before or after: see the description of each variation.
        They have the parameters, shapes and fields of the problem, and other numbers.
    refusable
        True if a layer may refuse it with an error: what asks for it can be written otherwise.
    capability
        The capability by which a layer promises not to refuse it; "" if there is none.
    judged
        True if another answer is a failure; False if it is information only, unless the layer promises the
        capability.
    cause
        A sentence on the cause, where there is one only of another answer; "" if there is none.
    """

    name: str = "plain"
    when: str = "in plain use"
    others: tuple[Problem, ...] = ()
    refusable: bool = False
    capability: str = ""
    judged: bool = True
    cause: str = ""


PLAIN = Variation()


@dataclass(frozen=True)
class Solve:
    """A request to solve one problem with a layer: the key under which its solution is cached.

    Attributes
    ----------
    problem
        The initial value problem, with y0 of shape (B, d); it says at which times it is to be solved.
    resolution
        Number of steps, or tolerance.
    wrt
        Names of the groups that require a gradient: "y0", parameters, and times: "ts" of a layer with output
        times, "t0" and "t1" of one with "time-gradients" in `supports`.  None: y0 and all parameters.
    variation
        How the layer is used.
    dtype
        "float32" or "float64", of y0 and of the parameters.
    device
        "cpu" or "cuda".
    limit
        Evaluations of the field after which the layer is stopped with an error.
    log_det
        True if y1 is asked for with the log-determinant as its last component, shape (B, d + 1), as are
        cotangents; of a layer that returns it.
    atol
        Absolute tolerance of a layer that takes both; `resolution` then is the relative one.  None: the same.
    seed
        Seed of the generators of random numbers, set before each pass; None: they go on.
    """

    problem: Problem
    resolution: float
    wrt: tuple[str, ...] | None = None
    variation: Variation = PLAIN
    dtype: str = "float64"
    device: str = "cpu"
    limit: float = math.inf
    log_det: bool = False
    seed: int | None = None
    atol: float | None = None
