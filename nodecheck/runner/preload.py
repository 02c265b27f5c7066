"""The imports of the server that child processes are forked from: each child finds them done.

Only `forkserver` imports this module, in the server.  Code of a user is not imported here: it must not run in
a process that has to live.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence

# Modules that torch and the fields import at their first pass: half a second of each child otherwise.
import array_api_compat.numpy as _numpy_fields  # noqa: F401
import array_api_compat.torch as _torch_fields  # noqa: F401
import torch.fx.experimental.symbolic_shapes as _first_backward  # noqa: F401

from nodecheck.backends.torch import backend as _backend  # noqa: F401
from nodecheck.measure.constant_fields import constant_fields
from nodecheck.measure.pictures import remaining
from nodecheck.measure.search import falsify
from nodecheck.options.profile import PROFILES, Profile
from nodecheck.problems import spiral
from nodecheck.reference import ReferenceFailure, sensitivity
from nodecheck.runner import child as _child  # noqa: F401
from nodecheck.runner.forkserver import REQUEST_VARIABLE
from nodecheck.runner.plan import problems_of, selected
from nodecheck.targets.registry import registered_layers, registered_names


def _import_registered(names: Sequence[str]) -> None:
    """Import the libraries of registered targets; what they print belongs to no result."""
    with open(os.devnull, "w") as nowhere:
        kept = os.dup(1), os.dup(2)
        try:
            for fd in (1, 2):
                os.dup2(nowhere.fileno(), fd)
            for name in names:
                with contextlib.suppress(Exception, SystemExit):  # the child reports it
                    registered_layers(name)
        finally:
            for fd, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, fd)
                os.close(copy)


def _compute_references(profile: Profile, select: str, *, several: bool) -> None:
    """Solve the problems of the selected checks, which all layers share.

    With several layers it also pays to solve those of the backward trajectory, and to let Hypothesis get
    ready: a second that one layer alone may not need.
    """
    chosen = {
        problem: None for check in selected(select) for problem in problems_of(check, profile) if problem
    }
    for problem in (*chosen, *(remaining(spiral) if several else ())):
        with contextlib.suppress(ReferenceFailure):  # the check that needs it reports it
            sensitivity(problem)
    if several:
        falsify(constant_fields(), lambda _drawn: True, examples=1, random_seed=0)


def _serve(request: str) -> None:
    """Do what the parent process asked for; see `forkserver.start`."""
    targets, profile, select = json.loads(request)
    registered = [name for name in targets if name in registered_names()]
    _import_registered(registered)
    if profile in PROFILES:
        with contextlib.suppress(ValueError):  # nothing is selected: the parent reports it
            _compute_references(PROFILES[profile], select, several=bool(registered))


_serve(os.environ.get(REQUEST_VARIABLE, '[[], "", ""]'))
