"""The work of a child process: the layer runs here, and only plain data leaves."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection

import torch

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import LayerCard
from nodecheck.runner import journal
from nodecheck.runner.child_calls import EXITED_WITH_ZERO, Described, Subject
from nodecheck.runner.environment import environment
from nodecheck.runner.journal import encode
from nodecheck.runner.measure import blank, measure, raised
from nodecheck.runner.plan import card_of, problems_of
from nodecheck.targets.discovery import load_target
from nodecheck.targets.loading import LoadedTargets, load_targets


def start(output: Connection, memory_limit: int) -> None:
    """Prepare the process: its output goes to the parent, its memory is limited, no core is dumped."""
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    for fd in (1, 2):
        os.dup2(output.fileno(), fd)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stderr = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable()
    journal.prepare()  # a layer may leave no memory for an import
    gc.freeze()  # the imports are no garbage; without them each collection is a tenth of a second shorter
    limit_memory(memory_limit)
    torch.set_num_threads(1)  # on problems this small, threads only wait for each other


def limit_memory(memory: int) -> None:
    """Let allocations beyond `memory` bytes fail, where the system can do that."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # Data, not address space: libraries map files of gigabytes that never become memory.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


@contextlib.contextmanager
def seen_to_exit() -> Iterator[None]:
    """Let the parent see if the layer ends the process with `os._exit(0)`; flush what was printed."""
    real = os._exit
    os._exit = lambda status: real(status or EXITED_WITH_ZERO)
    try:
        yield
    finally:
        os._exit = real
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()


def describe(target: str) -> LoadedTargets[LayerCard]:
    """Return the claims of the layers of a target, or its error, with the environment of this process."""
    with seen_to_exit():
        loaded = load_targets((target,)).map(card_of)
        loaded.environment = environment()
        return loaded


def describe_problems(targets: Sequence[str], *, outputs: bool) -> Described:
    """Return the problems of the user's own with their references, or their errors."""
    from nodecheck.runner import own_problems

    with seen_to_exit():
        return own_problems.describe(targets, outputs=outputs)


def take_problems(references: Mapping[str, bytes]) -> None:
    """Load problems of the user's own, by target, and take their references from another process."""
    from nodecheck.runner.own_problems import learn

    with seen_to_exit():
        for problem, known in zip(_own_problems(tuple(references)), references.values(), strict=True):
            learn(problem, known)


@functools.lru_cache(maxsize=1)
def _own_problems(targets: tuple[str, ...]) -> tuple[Problem, ...]:
    """Return problems of the user's own; each has passed its gate in another process."""
    if not targets:
        return ()
    from nodecheck.runner.own_problems import load_problem

    return tuple(map(load_problem, targets))


def measure_layer(subject: Subject, check: str, problem: str, profile: Profile, seed: int) -> bytes:
    """Run one check on one problem of one layer, all by name, and return the result as JSON."""
    chosen = next(c for c in CHECKS if c.id == check)
    posed = _named(problem, problems_of(chosen, profile))
    with seen_to_exit():
        try:
            layer = _layer(subject, profile, seed)
            own = _own_problems(subject.problems)
            posed = _named(problem, problems_of(chosen, profile, layer.claims.supports, own))
            return encode(measure(chosen, posed, layer))
        except (KeyboardInterrupt, MemoryError) as error:  # the layer raised the first, or left no memory
            return encode(raised(blank(subject.name, chosen, posed, seed), chosen, error))


def _named(name: str, problems: Iterable[Problem | None]) -> Problem | None:
    """Return the problem of a name; None for a check that brings its own."""
    return next((p for p in problems if p and p.name == name), None)


@functools.lru_cache(maxsize=1)
def _layer(subject: Subject, profile: Profile, seed: int) -> LayerUnderTest:
    """Return the layer; its solutions stay in this process for all checks."""
    layer = next(x for x in load_target(subject.target) if x.name == subject.layer)
    return LayerUnderTest(layer, profile, seed, device=subject.device, dtype=subject.dtype, name=subject.name)
