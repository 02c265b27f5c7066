"""Collects the results of a session, of all workers of xdist, and writes the report at its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from nodecheck.checks import CHECKS
from nodecheck.frontends.cli.arguments import make_folder
from nodecheck.frontends.pytest.layer_check import never_asked
from nodecheck.frontends.pytest.targets import quiet
from nodecheck.frontends.pytest.transport import packed_in, unpack
from nodecheck.report import words
from nodecheck.report.files import PAGE, write_record, write_views
from nodecheck.report.numbers import clean, shorten
from nodecheck.results import LayerCard, Result, Run
from nodecheck.runner.session import assemble, skipped_target
from nodecheck.targets.loading import Loaded

if TYPE_CHECKING:
    from nodecheck.frontends.pytest.settings import Settings
    from nodecheck.frontends.pytest.targets import Targets
    from nodecheck.runner.plan import Plan

_MOST_VERDICTS = 40


class Recorder:
    """Everywhere but in a worker of xdist: its reports come here.

    Parameters
    ----------
    settings
        Where the report goes.
    targets
        The layers that were asked for.
    """

    def __init__(self, settings: Settings, targets: Targets) -> None:
        self._settings, self._targets = settings, targets
        self._packed: list[dict[str, Any]] = []
        self._started: dict[str, dict[str, Any]] = {}
        self._crashed: dict[str, str] = {}
        self._run: Run | None = None
        self._trouble: list[str] = []
        if settings.output is not None:
            _make_folder(settings.output)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a report carries; one that tells of a crash is none of the item's own."""
        packed = packed_in(report)
        if packed is None:
            if report.failed and report.when not in ("setup", "call", "teardown"):
                self._crashed[report.nodeid] = str(report.longrepr)
        elif report.when == "call":
            self._packed.append(packed)
        else:
            self._started[report.nodeid] = packed

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Put the run together, and write it."""
        if session.config.option.collectonly:
            return
        with quiet():
            self._run = self._assembled(session, list(_warnings(session, exitstatus)))
            if self._settings.output is not None and (self._run.results or self._run.load_errors):
                self._trouble += write_record(self._run, self._settings.output)
                self._trouble += write_views(self._run, self._settings.output)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say the verdict on each layer, and where the report is."""
        run = self._run
        if run is None or not (run.results or run.load_errors):
            return
        terminalreporter.section("nodecheck")
        verdicts = [words.verdict(run, name) for name in words.layer_names(run)]
        for verdict in verdicts[:_MOST_VERDICTS]:
            said = f"{shorten(verdict.layer)} {verdict.verb} {verdict.text}"
            terminalreporter.line(f"{verdict.symbol} {said}")
        if len(verdicts) > _MOST_VERDICTS:
            terminalreporter.line(f"and {len(verdicts) - _MOST_VERDICTS} more layers")
        for sentence in (*run.warnings, *self._trouble):
            terminalreporter.line(clean(sentence), yellow=True)
        if self._settings.output is not None and not self._trouble:
            terminalreporter.line(f"report  {clean(self._settings.output / PAGE)}")

    def _assembled(self, session: pytest.Session, complaints: list[str]) -> Run:
        """Return the run of all that came in; of two results with one id, the later holds."""
        loaded, plan = self._targets.described or (Loaded(), self._plan_of_tests())
        cards: dict[str, LayerCard] = {}
        found: dict[str, Result] = {}
        for card, results in self._arrived():
            if cards.setdefault(card.name, card) != card:
                complaints.append(f"Several layers are called {card.name!r}: the later results stand here.")
            found.update({result.id: result for result in results})
        # A layer all of whose items were deselected is none of this run.
        checked = [card for card in plan.cards if card.name in cards]
        found.update({r.id: r for card in checked for r in never_asked(card, plan)})
        cards = {card.name: card for card in (*checked, *cards.values())}
        missing = [skipped_target(name, reason) for name, reason in loaded.missing.items()]
        return assemble(
            replace(plan, cards=tuple(cards.values())),
            [*missing, *sorted(found.values(), key=_order(cards))],
            targets=self._settings.targets,
            command=shlex.join(["pytest", *map(str, session.config.invocation_params.args)]),
            load_errors={**loaded.usage_errors, **loaded.load_errors},
            warnings=tuple(dict.fromkeys(complaints)),
        )

    def _plan_of_tests(self) -> Plan:
        """Return what stands for the plan where all results come from tests of `nodecheck.parametrize`."""
        chosen = self._packed[0] if self._packed else {}
        settings = replace(self._settings, **{k: chosen[k] for k in ("profile", "seed") if k in chosen})
        return settings.plan(())

    def _arrived(self) -> Iterator[tuple[LayerCard, list[Result]]]:
        """Yield each layer with results of it; an error for each item that took its worker with it."""
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
    """Create the output folder before anything is measured that could be lost."""
    try:
        make_folder(folder)
    except click.UsageError as error:
        raise pytest.UsageError(error.message) from error
