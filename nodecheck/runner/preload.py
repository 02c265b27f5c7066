"""The imports of the server that child processes are forked from: each child finds them done.

Only `forkserver` imports this module, in the server.  Code of a user is not imported here: it must not run in
a process that has to live.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Sequence

from nodecheck.options.profile import PROFILES
from nodecheck.runner import early_references
from nodecheck.runner.forkserver import REQUEST_VARIABLE

_MODULES = (
    "nodecheck.backends.torch.backend",
    "nodecheck.runner.child",
    # Modules that torch and the fields import at their first pass: half a second of each child otherwise.
    "array_api_compat.numpy",
    "array_api_compat.torch",
    "torch.fx.experimental.symbolic_shapes",
)


def _import_registered(names: Sequence[str]) -> None:
    """Import the libraries of registered targets; what they print belongs to no result."""
    from nodecheck.targets.registry import registered_layers

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


def _prepare_search() -> None:
    """Let Hypothesis get ready: with several layers it pays, one alone may not need it."""
    from nodecheck.measure.constant_fields import constant_fields
    from nodecheck.measure.search import falsify

    falsify(constant_fields(), lambda _drawn: True, examples=1, random_seed=0)


def _serve(request: str) -> None:
    """Do what the parent process asked for; see `forkserver.start`."""
    from nodecheck.targets.registry import registered_names

    targets, profile, select = json.loads(request)
    registered = [name for name in targets if name in registered_names()]
    several = bool(registered)
    known = profile in PROFILES
    take_references = (
        early_references.begin(PROFILES[profile], select, several=several) if known else lambda: None
    )
    for module in _MODULES:
        importlib.import_module(module)
    _import_registered(registered)
    if known and several:
        _prepare_search()
    take_references()


_serve(os.environ.get(REQUEST_VARIABLE, '[[], "", []]'))
