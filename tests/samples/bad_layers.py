"""Layers with one forbidden or harmful action in the forward pass; otherwise they are right."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import functools
import itertools
import os
import sys
import threading
import time

import numpy as np
import torch

from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer

GIBIBYTE = 2**30


@functools.cache  # once in a process: the time limit of the test is short
def _print_100_megabytes():
    sys.stdout.write("beginning of what is printed\n")
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)
    sys.stdout.write("\nend of what is printed\n")


def prints_100_megabytes(y):
    _print_100_megabytes()
    return y


def sleeps_for_ever(y):
    time.sleep(1e6)


def hangs_outside_python(y):
    """Loop for ever inside a C function, so that no signal handler of Python runs."""
    collections.deque(itertools.repeat(0), maxlen=0)


def swallows_every_exception(y):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(1)


def recurses(y):
    return recurses(y)


def overflows_the_stack(y):
    """Recurse through a C function beyond Python's own limit, until the stack of the process ends."""
    sys.setrecursionlimit(10**9)
    return next(map(overflows_the_stack, [y]))


def segfaults(y):
    ctypes.string_at(0)


def exits_at_once(y):
    os._exit(0)


def exits_at_once_with_3(y):
    os._exit(3)


def exits(y):
    sys.exit("goodbye")


def allocates_50_gigabytes(y):
    return y + torch.ones(50 * GIBIBYTE // 8, dtype=torch.float64).sum()


def allocates_lists_for_ever(y):
    kept = []
    while True:
        kept.append(bytes(10_000_000))  # never touched, but counted


def changes_the_default_dtype(y):
    torch.set_default_dtype(torch.float64)
    return y


def returns_none(y):
    return None


def returns_a_tuple(y):
    return y, {"steps": 3}


def returns_nan(y):
    return y * torch.nan


def returns_a_wrong_shape(y):
    return y[..., :1]


def returns_an_array(y):
    return y.detach().numpy()


class Cancelled(BaseException):
    pass


def raises_a_base_exception(y):
    msg = "not an Exception"
    raise Cancelled(msg)


def raises_ctrl_c(y):
    raise KeyboardInterrupt


class Unpicklable(Exception):
    def __init__(self):
        super().__init__("cannot leave its process")
        self.lock = threading.Lock()

    def __reduce__(self):
        msg = "cannot be pickled"
        raise TypeError(msg)


def raises_what_cannot_be_pickled(y):
    raise Unpicklable


def warns(y):
    import warnings

    warnings.warn("this layer is deprecated", FutureWarning, stacklevel=1)
    np.array([1.0]) / 0.0
    return y


def closes_its_output(y):
    os.close(1)
    os.close(2)
    return y


def _layer(name, deed):
    def build(dynamics, t0, t1, n_steps):
        solve = ODELayer(dynamics, t0, t1, n_steps, solver="rk4")
        return lambda y0: deed(solve(y0))

    return TorchLayer(name, build)


DEEDS = (
    prints_100_megabytes,
    sleeps_for_ever,
    hangs_outside_python,
    swallows_every_exception,
    recurses,
    overflows_the_stack,
    segfaults,
    exits_at_once,
    exits_at_once_with_3,
    exits,
    allocates_50_gigabytes,
    allocates_lists_for_ever,
    changes_the_default_dtype,
    returns_none,
    returns_a_tuple,
    returns_nan,
    returns_a_wrong_shape,
    returns_an_array,
    raises_a_base_exception,
    raises_ctrl_c,
    raises_what_cannot_be_pickled,
    warns,
    closes_its_output,
)
SCRIPT, LONG = "<script>alert(1)</script>", "long " * 2000
LAYERS = (
    _layer("first", lambda y: y),
    *(_layer(deed.__name__, deed) for deed in DEEDS),
    _layer(SCRIPT, lambda y: y),
    _layer(LONG, lambda y: y),
    _layer("last", lambda y: y),
)
SLOW = tuple(_layer(f"slow {k}", lambda y: (time.sleep(0.05), y)[1]) for k in range(3))
