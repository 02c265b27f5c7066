"""The child processes of a run: they import the targets, and measure their layers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import MappingProxyType, TracebackType

from nodecheck.checks import Check
from nodecheck.options.layer_names import sources
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Result
from nodecheck.runner import child_calls
from nodecheck.runner import isolation as child_process
from nodecheck.runner.child_calls import Subject
from nodecheck.runner.examine import examine
from nodecheck.runner.isolation import Child, Lost
from nodecheck.runner.journal import decode
from nodecheck.runner.measure import blank
from nodecheck.runner.parallel import examine_in_parallel
from nodecheck.runner.plan import Plan
from nodecheck.targets.imports import why_no_torch
from nodecheck.targets.loading import LoadedTargets

_NONE: Mapping[str, bytes] = MappingProxyType({})
_MOST_IDLE = 4  # processes that wait for a layer of the target they imported; each holds its libraries


class Children(AbstractContextManager["Children"]):
    """The child processes of a run.

    Each target is imported in a process of its own.  That process then measures the first layer of the
    target, which spares a start and an import; each further layer gets a new one.

    Parameters
    ----------
    memory_limit
        Bytes of data that each process may allocate.
    """

    def __init__(self, memory_limit: int) -> None:
        self._memory_limit = memory_limit
        self._idle: dict[str, Child] = {}
        self._lock = threading.Lock()

    def describe(self, targets: Sequence[str], problems: Sequence[str] = ()) -> LoadedTargets[LayerCard]:
        """Import the targets, each once, and return the claims of all their layers.

        They are filed by target, without the pattern for the names of layers that it may have.  `problems`
        are targets of problems of the user's own, whose cards are returned beside.
        """
        if reason := why_no_torch():
            return LoadedTargets(load_errors=dict.fromkeys(sources(targets), reason))
        loaded: LoadedTargets[LayerCard] = LoadedTargets()
        for target in sources(targets):
            child = Child(self._memory_limit)
            try:
                loaded.update(_describe(child, target))
            except BaseException:
                child.close()
                raise
            if target in loaded.by_target and len(self._idle) < _MOST_IDLE:
                self._idle[target] = child
            else:
                child.close()
        if problems:
            with Child(self._memory_limit) as child:
                _describe_problems(child, problems, loaded)
        return loaded

    def take(self, target: str) -> Child:
        """Return the process that has imported a target, once; then a new one.  The caller closes it."""
        with self._lock:
            child = self._idle.pop(target, None)
        return child or Child(self._memory_limit)

    def close(self) -> None:
        """End the processes that nobody has taken."""
        while self._idle:
            self._idle.popitem()[1].close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _describe(child: Child, target: str) -> LoadedTargets[LayerCard]:
    try:
        return child.call(child_calls.describe, target, seconds=child_process.SECONDS_TO_IMPORT)
    except Lost as error:
        name = target.rpartition(":")[0] or target
        message = (
            f"expected {name!r} to import, but the import {error}; "
            f"import it in a Python session to see where this comes from"
        )
        return LoadedTargets(load_errors={target: message}, tracebacks={target: child.output.take()})


def _describe_problems(child: Child, problems: Sequence[str], loaded: LoadedTargets[LayerCard]) -> None:
    """Add the problems of the user's own, or their errors, to what is loaded."""
    outputs = any(card.output_times for card in loaded.layers)
    try:
        found = child.call(
            child_calls.describe_problems, tuple(problems), outputs, seconds=child_process.SECONDS_TO_IMPORT
        )
    except Lost as error:
        message = (
            f"expected problems that can be imported and solved, got {', '.join(problems)}: the process "
            f"{error}; take a shorter interval, a smaller batch or a narrower module"
        )
        loaded.load_errors.update(dict.fromkeys(problems, message))
        loaded.tracebacks.update(dict.fromkeys(problems, child.output.take()))
        return
    loaded.fields.update(found.cards)
    loaded.references.update(found.references)
    loaded.usage_errors.update(found.usage_errors)
    loaded.load_errors.update(found.load_errors)


def describe(
    targets: Sequence[str], memory_limit: int, problems: Sequence[str] = ()
) -> LoadedTargets[LayerCard]:
    """Import the targets in child processes that end at once, and return the claims of their layers."""
    with Children(memory_limit) as children:
        return children.describe(targets, problems)


class Isolation(AbstractContextManager["Isolation"]):
    """Measures layers, each in a child process of its own that keeps the solutions of the layer.

    Parameters
    ----------
    profile, seed
        As in the plan.
    children
        The processes of the run.
    references
        The problems of the user's own: their references by target.
    """

    def __init__(
        self, profile: Profile, seed: int, children: Children, references: Mapping[str, bytes] = _NONE
    ) -> None:
        self._profile, self._seed, self._children = profile, seed, children
        self._references = references
        self._child: Child | None = None
        self._layer = ""
        self._aborted = False

    def __call__(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        """Return the result of a check; where the child is lost, an error with what is known."""
        child = self._child_of(card)
        name = problem.name if problem is not None else ""
        own = tuple(self._references)
        subject = Subject(card.target, card.name_in_target, card.device, card.dtype, card.name, own)
        arguments = (subject, check.id, name, self._profile, self._seed)
        clock = time.perf_counter()
        try:
            line = child.call(child_calls.measure, *arguments, seconds=self._profile.seconds)
        except Lost as error:
            printed = child.output.take()
            nothing = replace(blank(card.name, check, problem, self._seed), title=check.failure_title)
            seconds = time.perf_counter() - clock
            return replace(nothing, reason=f"The layer {error}.", output=printed, seconds=seconds)
        return replace(decode(line), output=child.output.take())

    def _child_of(self, card: LayerCard) -> Child:
        if self._child is None or card.name != self._layer:
            self.close()
            self._child, self._layer = self._children.take(card.target), card.name
            if self._aborted:  # before there was a child
                self._child.abort()
            self._give_references(self._child)
        return self._child

    def _give_references(self, child: Child) -> None:
        """Give a process the references of the user's own problems; without them it computes its own."""
        if self._references:
            with contextlib.suppress(Lost):
                child.call(
                    child_calls.take_problems, dict(self._references), seconds=child_process.SECONDS_TO_IMPORT
                )

    def abort(self) -> None:
        """End the check that another thread waits for or is about to begin: it gets `CancelledError`."""
        self._aborted = True
        if self._child is not None:
            self._child.abort()

    def close(self) -> None:
        """End the child process, whatever it is doing."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def examine_in_children(
    plan: Plan,
    children: Children,
    *,
    jobs: int = 1,
    done: Iterable[Result] = (),
    references: Mapping[str, bytes] = _NONE,
) -> Iterator[Result]:
    """Yield the results of a plan as they come, measured in up to `jobs` child processes at a time.

    Results in `done` are not measured again.  `references` are those of the problems of the user's own.
    """

    def isolation() -> Isolation:
        return Isolation(plan.profile, plan.seed, children, references)

    if jobs > 1:
        yield from examine_in_parallel(plan, jobs, isolation, done)
        return
    with isolation() as measure:
        yield from examine(plan, measure, done)
