"""The record of a session: the results of all items, and of all workers of xdist, as one run."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nodecheck.checks import CHECKS
from nodecheck.frontends.pytest.layer_check import never_asked
from nodecheck.frontends.pytest.quiet import quiet
from nodecheck.frontends.pytest.transport import packed_in, unpack
from nodecheck.options.devices import not_measured
from nodecheck.options.output_folder import make_folder
from nodecheck.report import words
from nodecheck.report.files import PAGE, write_record, write_views
from nodecheck.report.numbers import clean, shorten
from nodecheck.results import LayerCard, Result, Run
from nodecheck.runner.environment import environment
from nodecheck.runner.plan import Plan, make_plan
from nodecheck.runner.session import Session

if TYPE_CHECKING:
    from nodecheck.frontends.pytest.targets import Targets
    from nodecheck.options.settings import Settings

_MOST_VERDICTS = 40  # lines in the summary of pytest


class Recorder:
    """The hooks that collect results.

    The workers of xdist have none: their reports come to the controller.

    Parameters
    ----------
    settings
        The output folder.
    targets
        The targets of the session.
    """

    def __init__(self, settings: Settings, targets: Targets) -> None:
        self._settings, self._targets = settings, targets
        self._packed: list[dict[str, Any]] = []
        self._started: dict[str, dict[str, Any]] = {}
        self._crashed: dict[str, str] = {}
        self._run: Run | None = None
        self._trouble: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Create the output folder, once it is known that the options and the targets make sense."""
        if self._settings.output is not None and not session.config.option.collectonly:
            _make_folder(self._settings.output)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the results that a report carries; a crash has a report of its own, without results."""
        packed = packed_in(report)
        if packed is None:
            if report.failed and report.when not in ("setup", "call", "teardown"):
                self._crashed[report.nodeid] = str(report.longrepr)
        elif report.when == "call":
            self._packed.append(packed)
        else:
            self._started[report.nodeid] = packed

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Assemble the run, and write it."""
        if session.config.option.collectonly:
            return
        with quiet():
            self._run = self._record(session, list(_warnings(session, exitstatus)))
            if self._settings.output is not None and (self._run.results or self._run.load_errors):
                with contextlib.suppress(OSError):  # there is none yet if the collection was cut short
                    self._settings.output.mkdir(parents=True, exist_ok=True)
                self._trouble += write_record(self._run, self._settings.output)
                self._trouble += write_views(self._run, self._settings.output)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the verdict on each layer, and the path of the report."""
        run = self._run
        if run is None or not (run.results or run.load_errors):
            return
        terminalreporter.section("nodecheck")
        verdicts = [words.verdict(run, name) for name in words.layer_names(run)]
        for verdict in verdicts[:_MOST_VERDICTS]:
            line = f"{shorten(verdict.layer)} {verdict.clause}"
            terminalreporter.line(f"{verdict.symbol} {line}")
        if len(verdicts) > _MOST_VERDICTS:
            terminalreporter.line(f"and {len(verdicts) - _MOST_VERDICTS} more layers")
        for sentence in (*run.warnings, *self._trouble):
            terminalreporter.line(clean(sentence), yellow=True)
        if self._settings.output is not None and not self._trouble:
            terminalreporter.line(f"report  {clean(self._settings.output / PAGE)}")

    def _record(self, session: pytest.Session, warnings: list[str]) -> Run:
        """Return the run of all results that came in; of two results with one id, the later holds."""
        of_targets = self._targets.session or Session(self._plan_of_tests())
        plan, loaded = of_targets.plan, of_targets.loaded
        cards: dict[str, LayerCard] = {}
        found: dict[str, Result] = {}
        for card, results in self._arrived():
            if cards.setdefault(card.name, card) != card:
                warnings.append(f"Several layers are called {card.name!r}: the later results stand here.")
            found.update({result.id: result for result in results})
        # A layer all of whose items were deselected is not part of the run.
        checked = [card for card in plan.cards if card.name in cards]
        found.update({r.id: r for card in checked for r in never_asked(card, plan)})
        cards = {card.name: card for card in (*checked, *cards.values())}
        if not loaded.environment and cards:  # all results are of `nodecheck.parametrize`
            loaded = replace(loaded, environment=environment())
        absent = not_measured(self._settings.device, loaded.environment) if self._settings.targets else ()
        return Session(replace(plan, cards=tuple(cards.values())), loaded).record(
            sorted(found.values(), key=_order(cards)),
            targets=self._settings.targets,
            command=shlex.join(["pytest", *map(str, session.config.invocation_params.args)]),
            warnings=tuple(dict.fromkeys((*absent, *warnings))),
        )

    def _plan_of_tests(self) -> Plan:
        """Return a plan without layers, for results that all come from tests of `nodecheck.parametrize`."""
        default: dict[str, Any] = {"profile": self._settings.profile, "seed": self._settings.seed}
        first = self._packed[0] if self._packed else default
        return make_plan((), profile=first["profile"], select="*", seed=first["seed"])

    def _arrived(self) -> Iterator[tuple[LayerCard, list[Result]]]:
        """Yield each layer with its results; an item that crashed its worker of xdist gives an error."""
        for packed in self._packed:
            yield unpack(packed)
        for nodeid, message in self._crashed.items():
            if nodeid in self._started:
                card, (nothing,) = unpack(self._started[nodeid])
                yield card, [replace(nothing, reason=message)]


def _order(cards: Iterable[str]) -> Any:
    layers, checks = list(cards), [check.id for check in CHECKS]
    return lambda result: (layers.index(result.layer), checks.index(result.check))


def _warnings(session: pytest.Session, exitstatus: int) -> Iterator[str]:
    if session.shouldfail or session.shouldstop or exitstatus == pytest.ExitCode.INTERRUPTED:
        yield "pytest stopped before all items had run: the results are those that were there until then."


def _make_folder(folder: Path) -> None:
    """Create the output folder; a folder that cannot be written is a usage error."""
    try:
        make_folder(folder)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
