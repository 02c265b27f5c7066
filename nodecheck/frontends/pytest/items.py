"""What pytest collects for a target: its layers, and an item for each check that is asked of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nodecheck.checks import Check
from nodecheck.frontends.pytest.layer_check import LayerCheck, checks_of, label
from nodecheck.frontends.pytest.plugin import SUBJECT
from nodecheck.frontends.pytest.settings import ROOT, Settings
from nodecheck.problems import Problem
from nodecheck.results import LayerCard, Outcome, Result
from nodecheck.runner.examine import Examination
from nodecheck.runner.isolation import Isolation
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import Plan, preconditions
from nodecheck.targets.loading import Loaded


class NotLoaded(Exception):
    """A target could not be loaded; the message is all there is to say."""


class Layers(pytest.Collector):
    """The layers of all targets."""

    def __init__(self, *, loaded: Loaded[LayerCard], plan: Plan, settings: Settings, **node: Any) -> None:
        super().__init__(name=ROOT, nodeid=ROOT, **node)
        self._loaded, self._plan, self._settings = loaded, plan, settings

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield what did not load, what is missing, and the layers."""
        for target, sentence in {**self._loaded.usage_errors, **self._loaded.load_errors}.items():
            yield Unloadable.from_parent(self, name=label(target), sentence=sentence)
        for target, reason in self._loaded.missing.items():
            yield MissingLibrary.from_parent(self, name=label(target), reason=reason)
        for card in self._plan.cards:
            yield Layer.from_parent(
                self, name=label(card.name), card=card, plan=self._plan, settings=self._settings
            )


class Unloadable(pytest.Collector):
    """A target that could not be loaded: an error of the collection."""

    def __init__(self, *, sentence: str, **node: Any) -> None:
        super().__init__(**node)
        self._sentence = sentence

    def collect(self) -> Iterator[pytest.Item]:
        """Raise what is wrong with the target."""
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
        """Return no place."""
        return self.path, None, self.name


class Layer(pytest.Collector):
    """A layer: from its first item to its last it lives in a child process, which knows its runs."""

    def __init__(self, *, card: LayerCard, plan: Plan, settings: Settings, **node: Any) -> None:
        super().__init__(**node)
        self._card, self._plan, self._settings = card, plan, settings
        self._isolation: Isolation | None = None
        self._examination = Examination(card, plan, self._measure)
        self._cut_short: set[str] = set()

    def collect(self) -> Iterator[CheckItem]:
        """Yield an item for each check."""
        for check in checks_of(self._card, self._plan, lambda: self._examination):
            yield CheckItem.from_parent(self, name=check.check.id, subject=check)

    def _measure(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        endless = [needed for needed in preconditions(check) if needed in self._cut_short]
        if endless:
            reason = f"means nothing while {endless[0]} does not end"
            nothing = blank(card.name, check, problem, self._plan.seed)
            return replace(nothing, outcome=Outcome.SKIPPED, reason=reason)
        if self._isolation is None:
            self._isolation = Isolation(self._plan.profile, self._plan.seed, self._settings.memory_limit)
        return self._isolation(card, check, problem)

    def cut_short(self, check: Check) -> None:
        """Give up a check that somebody else's patience ended; in the child process it would go on."""
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
        """Return no place, for there is none here, and what stands above a failure."""
        return self.path, None, f"{self._layer.name}: {self.name}"


def position(item: pytest.Item, plan: Plan) -> tuple[int, int]:
    """Return where an item stands in a plan; what is not in it comes first."""
    subject = item.stash.get(SUBJECT, None)
    if subject is None:
        return -1, -1
    return plan.cards.index(subject.card), plan.checks.index(subject.check)
