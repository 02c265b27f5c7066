"""The items of a target: a collector for each layer, and an item for each of its checks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nodecheck.checks import Check
from nodecheck.frontends.pytest.arguments import ROOT
from nodecheck.frontends.pytest.layer_check import LayerCheck, checks_of, label
from nodecheck.frontends.pytest.plugin import SUBJECT
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Outcome, Result
from nodecheck.runner.children import Children, Isolation
from nodecheck.runner.examine import Examination
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import Plan, preconditions
from nodecheck.runner.session import Session


class NotLoaded(Exception):
    """A target could not be loaded; the message says why."""


class Layers(pytest.Collector):
    """The layers of all targets."""

    def __init__(self, *, session_of_nodecheck: Session, memory_limit: int, **node: Any) -> None:
        super().__init__(name=ROOT, nodeid=ROOT, **node)
        self._session, self._memory_limit = session_of_nodecheck, memory_limit

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield the targets that could not be loaded, those without their library, and the layers."""
        loaded, plan = self._session.loaded, self._session.plan
        for target, sentence in {**loaded.usage_errors, **loaded.load_errors}.items():
            yield Unloadable.from_parent(self, name=label(target), sentence=sentence)
        for target, reason in loaded.missing.items():
            yield MissingLibrary.from_parent(self, name=label(target), reason=reason)
        for card in plan.cards:
            yield Layer.from_parent(
                self,
                name=label(card.name),
                card=card,
                plan=plan,
                memory_limit=self._memory_limit,
                references=loaded.references,
            )


class Unloadable(pytest.Collector):
    """A target that could not be loaded: an error of the collection."""

    def __init__(self, *, sentence: str, **node: Any) -> None:
        super().__init__(**node)
        self._sentence = sentence

    def collect(self) -> Iterator[pytest.Item]:
        """Raise the error of the target."""
        raise NotLoaded(self._sentence)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ARG002
        """Return the sentence alone."""
        return str(excinfo.value)


class MissingLibrary(pytest.Item):
    """A registered target whose library is not installed: skipped."""

    def __init__(self, *, reason: str, **node: Any) -> None:
        super().__init__(**node)
        self._reason = reason

    def runtest(self) -> None:
        """Skip, with the reason."""
        pytest.skip(self._reason)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the name alone: there is no line of code to show."""
        return self.path, None, self.name


class Layer(pytest.Collector):
    """A layer; from its first item to its last it has a child process, which keeps its solutions."""

    def __init__(
        self, *, card: LayerCard, plan: Plan, memory_limit: int, references: dict[str, bytes], **node: Any
    ) -> None:
        super().__init__(**node)
        self._references = references
        self._card, self._plan, self._memory_limit = card, plan, memory_limit
        self._isolation: Isolation | None = None
        self._examination = Examination(card, plan, self._measure)
        self._cut_short: set[str] = set()

    def collect(self) -> Iterator[CheckItem]:
        """Yield an item for each check."""
        for check in checks_of(self._card, self._plan, lambda: self._examination):
            yield CheckItem.from_parent(self, name=check.check.id, subject=check)

    def _measure(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        unfinished = [needed for needed in preconditions(check) if needed in self._cut_short]
        if unfinished:
            reason = f"means nothing while {unfinished[0]} does not end"
            nothing = blank(card.name, check, problem, self._plan.seed)
            return replace(nothing, outcome=Outcome.SKIPPED, reason=reason)
        if self._isolation is None:
            children = Children(self._memory_limit)
            self._isolation = Isolation(self._plan.profile, self._plan.seed, children, self._references)
        return self._isolation(card, check, problem)

    def cut_short(self, check: Check) -> None:
        """End the process of a check that a plugin such as pytest-timeout has interrupted here."""
        self._cut_short.add(check.id)
        self.close()

    def close(self) -> None:
        """End the child process, whatever it is doing."""
        if self._isolation is not None:
            self._isolation.close()
            self._isolation = None

    def teardown(self) -> None:
        """End the child process after the last item."""
        self.close()


class CheckItem(pytest.Item):
    """A check of a layer."""

    def __init__(self, *, subject: LayerCheck, parent: Layer, **node: Any) -> None:
        super().__init__(parent=parent, **node)
        self._subject, self._layer = subject, parent
        self.stash[SUBJECT] = subject

    def runtest(self) -> None:
        """Run the check in the child process of its layer."""
        with contextlib.ExitStack() as interrupted:
            interrupted.callback(self._layer.cut_short, self._subject.check)
            self._subject.measure()
            interrupted.pop_all()
        self._subject.conclude()

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the heading of a failure, without a line of code."""
        return self.path, None, f"{self._layer.name}: {self.name}"


def position(item: pytest.Item, plan: Plan) -> tuple[int, int]:
    """Return the position of an item in a plan; items that are not in it come first."""
    subject = item.stash.get(SUBJECT, None)
    if subject is None:
        return -1, -1
    return plan.cards.index(subject.card), plan.checks.index(subject.check)
