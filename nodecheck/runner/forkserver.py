"""The process that child processes are forked from: it has imported torch already, so they start at once.

It is started before anything heavy is imported here, so that the two imports run side by side.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from multiprocessing.context import BaseContext

_PRELOAD = "nodecheck.runner.preload"
# On problems this small, threads only wait for each other; read by the libraries when they are loaded.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TARGETS_VARIABLE = "NODECHECK_PRELOADED_TARGETS"


def context() -> BaseContext:
    """Return how child processes are started: forked from the server, or spawned where there is none."""
    chosen = multiprocessing.get_context(_method())
    if _method() == "forkserver":
        chosen.set_forkserver_preload([_PRELOAD])  # without effect once the server runs
    return chosen


def start(targets: Iterable[str] = ()) -> None:
    """Let the server start now; it imports the registered ones among the targets, too."""
    for variable in _ONE_THREAD:
        os.environ.setdefault(variable, "1")
    if context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    os.environ[TARGETS_VARIABLE] = os.pathsep.join(targets)
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[TARGETS_VARIABLE]


def _method() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
