"""The server that child processes are forked from: it has imported torch, so each child starts at once.

It is started before this process imports anything heavy, so that the imports run side by side.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

# `multiprocessing` is imported inside the functions: the help text of the command line does without.

_PRELOAD = "nodecheck.runner.preload"
# On problems this small, threads only wait for each other.  The libraries read these when they are loaded.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# The request to the server, as JSON: see `start`.
REQUEST_VARIABLE = "NODECHECK_PRELOAD"


def context() -> BaseContext:
    """Return the start method of child processes: forked from the server, or spawned where there is none."""
    import multiprocessing

    servers = "forkserver" in multiprocessing.get_all_start_methods()
    method = "forkserver" if servers else "spawn"
    chosen = multiprocessing.get_context(method)
    if method == "forkserver":
        chosen.set_forkserver_preload([_PRELOAD])  # without effect once the server runs
    return chosen


def start(targets: Sequence[str] = (), *, profile: str = "", select: Sequence[str] = ()) -> None:
    """Start the server.

    Parameters
    ----------
    targets
        The targets of the run; the server imports the libraries of the registered ones.
    profile, select
        The profile, and shell patterns for checks.  The server computes the references of their problems,
        which the child processes then share; "": none.
    """
    for variable in _ONE_THREAD:
        os.environ.setdefault(variable, "1")
    if context().get_start_method() != "forkserver":
        return
    import json
    from multiprocessing import forkserver

    from nodecheck.options.layer_names import sources

    os.environ[REQUEST_VARIABLE] = json.dumps([list(sources(targets)), profile, list(select)])
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[REQUEST_VARIABLE]
    atexit.register(_stop)


def _stop() -> None:
    """End the server at the end of this process: until then it holds the output that somebody may wait for.

    By itself it ends only after its imports, and after torch has ended.
    """
    from multiprocessing import forkserver

    pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
