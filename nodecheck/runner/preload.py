"""Imported by the process that children are forked from, and nowhere else: they all find it done.

Only registered libraries are imported here: the code of a user must not run in a process that has to live.
"""

from __future__ import annotations

import contextlib
import os

# What torch and the fields import at their first pass, half a second for each child.
import array_api_compat.numpy as _numpy_fields  # noqa: F401
import array_api_compat.torch as _torch_fields  # noqa: F401
import torch.fx.experimental.symbolic_shapes as _first_backward  # noqa: F401

from nodecheck.checks import CHECKS
from nodecheck.checks.exactness.properties import constant_fields
from nodecheck.measure.pictures import remaining
from nodecheck.measure.search import falsify
from nodecheck.options.profile import CI
from nodecheck.problems import spiral
from nodecheck.reference import ReferenceFailure, sensitivity
from nodecheck.runner.forkserver import TARGETS_VARIABLE
from nodecheck.runner.plan import problems_of
from nodecheck.targets.registry import registered_layers, registered_names


def _import_registered() -> None:
    """Import the libraries of the registered targets; what they print belongs to no result."""
    wanted = os.environ.get(TARGETS_VARIABLE, "").split(os.pathsep)
    with open(os.devnull, "w") as nowhere:
        kept = os.dup(1), os.dup(2)
        try:
            for fd in (1, 2):
                os.dup2(nowhere.fileno(), fd)
            for name in set(wanted) & set(registered_names()):
                with contextlib.suppress(Exception, SystemExit):  # the child tells, when its turn comes
                    registered_layers(name)
        finally:
            for fd, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, fd)
                os.close(copy)


def _compute_what_all_need() -> None:
    """Solve the usual problems, and let Hypothesis get ready: half a second for each child otherwise."""
    usual = {problem for check in CHECKS for problem in problems_of(check, CI) if problem is not None}
    several = os.environ.get(TARGETS_VARIABLE, "").split(os.pathsep)
    drawn = remaining(spiral) if set(several) & set(registered_names()) else ()  # one layer makes its own
    for problem in (*usual, *drawn):
        with contextlib.suppress(ReferenceFailure):  # the check that needs it will say so
            sensitivity(problem)
    falsify(constant_fields(), lambda _drawn: True, examples=1, random_seed=0)


_import_registered()
_compute_what_all_need()
