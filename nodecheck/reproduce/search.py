"""The search for a script: the first kind that shows the fault, then the smallest problem that still does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nodecheck.numerics.constants import SAME_FAULT_SHARE, SCRIPT_LINES, SCRIPT_TRIAL_SECONDS
from nodecheck.reproduce.attempts import attempts
from nodecheck.reproduce.control import control
from nodecheck.reproduce.kinds.kind import Kind, script
from nodecheck.reproduce.setting import ORDER, Setting, smaller
from nodecheck.reproduce.source import LayerSource
from nodecheck.reproduce.trial import Trial, fails_alone
from nodecheck.results import LayerCard, Result

Run = Callable[[str, float], Trial]


@dataclass(frozen=True)
class Candidate:
    """A script with the kind and the setting that it is made from, and what it measured."""

    kind: Kind
    setting: Setting
    text: str
    trial: Trial


def lines_of(text: str) -> int:
    """Return the number of lines of a script that are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


class Search:
    """A search for the script of one result.

    Parameters
    ----------
    result, card, source
        What failed, the claims of the layer, and its lines.
    run
        Runs a script for at most so many seconds.
    seconds
        The time that the whole search may take; the last run, in an interpreter of its own, is beyond it.
    """

    def __init__(
        self, result: Result, card: LayerCard, source: LayerSource, run: Run, seconds: float
    ) -> None:
        self.result, self.card, self.source = result, card, source
        self._run, self._end = run, time.monotonic() + seconds
        self._passed: dict[str, bool] = {}

    def script(self) -> str:
        """Return a script of at most `SCRIPT_LINES` lines that was seen to fail; "" if none was found."""
        for kind, setting in attempts(self.result, self.card, self.source):
            text = self.of_kind(kind, setting)
            if text and fails_alone(text, SCRIPT_TRIAL_SECONDS):
                return text
        return ""

    def of_kind(self, kind: Kind, setting: Setting) -> str:
        """Return the reduced script of a kind; "" if the fault does not show, or it has too many lines."""
        found = self._try(kind, setting) if self._left() > 0 else None
        text = "" if found is None else self._reduced(found).text
        return text if lines_of(text) <= SCRIPT_LINES else ""

    def _left(self) -> float:
        return min(self._end - time.monotonic(), SCRIPT_TRIAL_SECONDS)

    def _try(self, kind: Kind, setting: Setting) -> Candidate | None:
        """Return the script if the layer fails it and our own layer passes it."""
        text = script(kind, setting, self.source, self.result.title)
        trial = self._run(text, max(self._left(), 1.0))
        if not trial.fails:
            return None
        ours = self._of_our_own(kind, setting)
        if ours not in self._passed:
            self._passed[ours] = self._run(ours, max(self._left(), 1.0)).passes
        return Candidate(kind, setting, text, trial) if self._passed[ours] else None

    def _of_our_own(self, kind: Kind, setting: Setting) -> str:
        """Return the script with our own layer in place of the layer."""
        adjoint = kind.adjoint or self.card.adjoint or "continuous"
        ours = control(self.source, setting.order, adjoint)
        return script(kind, setting, ours, self.result.title)

    def _reduced(self, first: Candidate) -> Candidate:
        """Return the smallest script that shows the same fault, reduced in a fixed order."""
        best = first
        for what in ORDER:
            if what in first.kind.reduces and not (what == "steps" and self.source.adaptive):
                best = next(self._smaller(best, first, what), best)
        return best

    def _smaller(self, best: Candidate, first: Candidate, what: str) -> Iterator[Candidate]:
        """Yield the scripts of smaller problems that show the fault about as clearly as the first one."""
        for setting in smaller(best.setting, what, self.source.fewest, best.kind.fewest_steps):
            if self._left() <= 0:
                return
            found = self._try(best.kind, setting)
            if found and found.trial.magnitude >= SAME_FAULT_SHARE * first.trial.magnitude:
                yield found
