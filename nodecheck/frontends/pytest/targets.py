"""A session with layers to check: describes the targets once, and puts their items among the others."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable
from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from nodecheck.frontends.pytest.settings import ROOT, Settings, settings_of
from nodecheck.options.configuration import ConfigurationError
from nodecheck.options.expectations import expectations
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from nodecheck.results import LayerCard
    from nodecheck.runner.plan import Plan
    from nodecheck.targets.loading import Loaded

_KEY = "nodecheck"  # of what the controller of xdist tells its workers


def register(config: pytest.Config) -> None:
    """Add to a session what collects and what records."""
    settings = settings_of(config)
    if settings.targets:
        _start_server(settings.targets)  # its imports run beside ours
    targets = Targets(config, settings)
    config.pluginmanager.register(targets, "nodecheck-targets")
    if not hasattr(config, "workerinput"):
        with quiet():
            from nodecheck.frontends.pytest.recorder import Recorder
        config.pluginmanager.register(Recorder(settings, targets), "nodecheck-recorder")


def quiet() -> warnings.catch_warnings[None]:
    """Return a context in which libraries of ours may warn: not every suite wants that to be an error."""
    return warnings.catch_warnings(action="ignore")


class Targets:
    """The targets of a session, and the hooks that collect them.

    Under xdist the controller describes them and tells its workers, which then collect the same items.

    Attributes
    ----------
    described
        What became of the targets, and the plan; None as long as nobody looked.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config, self._settings = config, settings
        self.described: tuple[Loaded[LayerCard], Plan] | None = None

    def describe(self) -> tuple[Loaded[LayerCard], Plan]:
        """Return what became of the targets, and the plan for the layers that could be loaded.

        Raises
        ------
        pytest.UsageError
            If there can be no such plan.
        """
        if self.described is None:
            with quiet():
                loaded = self._told() or self._load()
                self.described = loaded, self._settings.plan(loaded.everyone)
        return self.described

    def _told(self) -> Loaded[LayerCard] | None:
        """Return what the controller of xdist has told this worker, None if this is no worker."""
        from nodecheck.results import LayerCard
        from nodecheck.targets.loading import Loaded

        told = getattr(self._config, "workerinput", {}).get(_KEY)
        if told is None:
            return None
        layers = {
            target: tuple(LayerCard(**card) for card in cards) for target, cards in told["layers"].items()
        }
        return Loaded(**{**told, "layers": layers})

    def _load(self) -> Loaded[LayerCard]:
        """Import the targets in child processes, and add what the configuration expects of their layers."""
        from nodecheck.checks import CHECKS
        from nodecheck.runner.isolation import describe

        loaded = describe(self._settings.targets, self._settings.memory_limit)
        configuration = self._settings.configuration
        try:
            found = expectations(
                configuration,
                loaded.everyone,
                date.today(),
                checks=[check.id for check in CHECKS],
                every_layer=set(configuration.table.targets) <= set(self._settings.targets),
            )
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from error

        def expecting(card: LayerCard, _target: str) -> LayerCard:
            return replace(card, expected_failures={**card.expected_failures, **found.get(card.name, {})})

        return loaded.each(expecting)

    def pytest_report_header(self) -> str | None:
        """Say what is checked, and how."""
        settings = self._settings
        if not settings.targets:
            return None
        return f"nodecheck: {', '.join(settings.targets)}; profile {settings.profile}, seed {settings.seed}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Describe the targets before anything is collected: a wrong option ends the session here."""
        if self._settings.targets:
            self.describe()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist what there is."""
        if self._settings.targets:
            loaded, _ = self.describe()
            cards = {target: [asdict(card) for card in group] for target, group in loaded.layers.items()}
            node.workerinput[_KEY] = {**vars(loaded), "layers": cards}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Return the scheduler of `--dist loadgroup`, by which all checks of a layer go to one worker.

        That they are one `xdist_group` says the same, but pytest 9.2 has taken from xdist 3.8 the attribute
        by which groups become known.
        """
        if not self._settings.targets or config.getvalue("dist") != "loadgroup":
            return None
        from nodecheck.frontends.pytest.scheduling import ByLayer

        return ByLayer(config, log)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Add the layers to what a session collects."""
        report = yield
        if self._settings.targets and isinstance(collector, pytest.Session) and report.passed:
            from nodecheck.frontends.pytest.items import Layers

            loaded, plan = self.describe()
            more = Layers.from_parent(collector, loaded=loaded, plan=plan, settings=self._settings)
            report.result = [*report.result, more]
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the checks of a layer together, in their order, behind the other tests.

        They share its process and its runs, and the first tell whether the others mean anything; what is
        random in them has a seed of its own.  Plugins that shuffle have done so before.
        """
        if not self._settings.targets:
            return
        from nodecheck.frontends.pytest.items import position

        _, plan = self.describe()
        others = [item for item in items if not _is_ours(item)]
        items[:] = others + sorted(filter(_is_ours, items), key=lambda item: position(item, plan))

    @pytest.hookimpl(tryfirst=True, specname="pytest_collection_modifyitems")
    def pytest_keep_what_is_named(self, items: list[pytest.Item]) -> None:
        """Leave out what is not named, if anything is; refuse what is not there, as pytest does."""
        wanted = self._settings.wanted
        for id_ in wanted:
            if not any(_is_in(item, id_) for item in items):
                message = (
                    f"expected the id of an item, or its beginning, got {id_!r}, which is that of none; "
                    f"`pytest --collect-only -q` lists them"
                )
                raise pytest.UsageError(message)
        if wanted:
            rest = [i for i in items if _is_ours(i) and not any(_is_in(i, id_) for id_ in wanted)]
            self._config.hook.pytest_deselected(items=rest)
            items[:] = [item for item in items if item not in rest]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a missing library be reported without a line of code, where there is none of the user's."""
        report = yield
        if report.skipped and _is_ours(item):
            from nodecheck.frontends.pytest.transport import put_in_place

            put_in_place(report)
        return report


def _is_ours(item: pytest.Item) -> bool:
    return item.nodeid.startswith(f"{ROOT}::")


def _is_in(item: pytest.Item, id_: str) -> bool:
    """Whether an item has this id, or belongs to the layer that has it."""
    return f"{item.nodeid}::".startswith(f"{id_}::")


def _start_server(targets: Iterable[str]) -> None:
    """Let the process start that children are forked from; its environment is not for the tests."""
    before = set(os.environ)
    forkserver.start(targets)
    for name in set(os.environ) - before:
        del os.environ[name]
