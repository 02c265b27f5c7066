"""The targets of a session: loaded once, and collected as items beside the others."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from nodecheck.frontends.pytest.arguments import ROOT, plan_of
from nodecheck.frontends.pytest.quiet import quiet
from nodecheck.runner import forkserver

if TYPE_CHECKING:
    from nodecheck.options.settings import Settings
    from nodecheck.results import LayerCard
    from nodecheck.runner.session import Session
    from nodecheck.targets.loading import LoadedTargets

_KEY = "nodecheck"  # in the input of a worker of xdist


class Targets:
    """The hooks that collect the layers of the targets.

    Under xdist the controller loads the targets and sends the claims of their layers to the workers, which
    then collect the same items.

    Parameters
    ----------
    config, settings
        The session of pytest, and what was asked for.
    wanted
        Ids of items, or the beginning of ids, that were given as arguments; empty: all.
    """

    def __init__(self, config: pytest.Config, settings: Settings, wanted: tuple[str, ...]) -> None:
        self._config, self._settings, self._wanted = config, settings, wanted
        self._session: Session | None = None

    @property
    def session(self) -> Session | None:
        """The loaded targets and the plan for their layers; None before they are collected."""
        return self._session

    def load(self) -> Session:
        """Return the targets, and the plan for those of their layers that could be loaded.

        Raises
        ------
        pytest.UsageError
            If there can be no such plan.
        """
        from nodecheck.runner.session import Session

        if self._session is None:
            with quiet():
                loaded = self._from_controller() or self._in_children()
                self._session = Session(plan_of(loaded, self._settings), loaded)
        return self._session

    def _from_controller(self) -> LoadedTargets[LayerCard] | None:
        """Return the targets that the controller of xdist has loaded; None outside a worker."""
        from nodecheck.results import LayerCard
        from nodecheck.results.field_card import FieldCard
        from nodecheck.targets.loading import LoadedTargets

        sent = getattr(self._config, "workerinput", {}).get(_KEY)
        if sent is None:
            return None
        layers = {
            target: tuple(LayerCard(**card) for card in cards) for target, cards in sent["by_target"].items()
        }
        fields = {target: FieldCard(**card) for target, card in sent["fields"].items()}
        return LoadedTargets(**{**sent, "by_target": layers, "fields": fields})

    def _in_children(self) -> LoadedTargets[LayerCard]:
        from nodecheck.runner.children import describe

        return describe(self._settings.targets, self._settings.memory_limit, self._settings.problems)

    def pytest_report_header(self) -> str | None:
        """Return the line about the targets, the profile and the seed."""
        settings = self._settings
        if not settings.targets:
            return None
        return f"nodecheck: {', '.join(settings.targets)}; profile {settings.profile}, seed {settings.seed}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Load the targets before anything is collected: a wrong option ends the session here."""
        if self._settings.targets:
            self.load()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the loaded targets to a worker of xdist."""
        if self._settings.targets:
            loaded = self.load().loaded
            cards = {target: [asdict(card) for card in group] for target, group in loaded.by_target.items()}
            fields = {target: asdict(card) for target, card in loaded.fields.items()}
            node.workerinput[_KEY] = {**vars(loaded), "by_target": cards, "fields": fields}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Return the scheduler of `--dist loadgroup` that sends all checks of a layer to one worker.

        They are one `xdist_group` too, but under pytest 9.2 groups do not reach the scheduler of xdist 3.8.
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

            more = Layers.from_parent(
                collector, session_of_nodecheck=self.load(), memory_limit=self._settings.memory_limit
            )
            report.result = [*report.result, more]
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the checks of a layer together, in their order, behind the other tests.

        They share its process and its solutions, and a check means nothing if one that it needs has failed.
        Plugins that shuffle items have done so before.
        """
        if not self._settings.targets:
            return
        from nodecheck.frontends.pytest.items import position

        plan = self.load().plan
        others = [item for item in items if not _is_ours(item)]
        items[:] = others + sorted(filter(_is_ours, items), key=lambda item: position(item, plan))

    @pytest.hookimpl(tryfirst=True, specname="pytest_collection_modifyitems")
    def pytest_keep_what_is_named(self, items: list[pytest.Item]) -> None:
        """Deselect nodecheck's items that are not named, if any is named; an unknown id is a usage error."""
        wanted = self._wanted
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
        """Report a missing library without a line of code: there is no line of the user's."""
        report = yield
        if report.skipped and _is_ours(item):
            from nodecheck.frontends.pytest.transport import put_in_place

            put_in_place(report)
        return report


def _is_ours(item: pytest.Item) -> bool:
    return item.nodeid.startswith(f"{ROOT}::")


def _is_in(item: pytest.Item, id_: str) -> bool:
    """Return True if an item has this id, or belongs to the layer that has it."""
    return f"{item.nodeid}::".startswith(f"{id_}::")


def start_server(settings: Settings) -> None:
    """Start the server that children are forked from; its environment variables do not stay for the tests."""
    before = set(os.environ)
    profile = "" if settings.problems else settings.profile
    forkserver.start(settings.targets, profile=profile, select=settings.select)
    for name in set(os.environ) - before:
        del os.environ[name]
