"""The pytest plugin: the options, the marker, and the reports of items.

Every pytest that finds nodecheck installed loads this module.  So it imports nothing heavy, and without an
option of nodecheck it registers nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from nodecheck.options.option import in_pytest

if TYPE_CHECKING:
    from nodecheck.frontends.pytest.layer_check import LayerCheck

# The check and the layer of an item; items that are not of nodecheck have none.
SUBJECT: pytest.StashKey[LayerCheck] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, which are those of the command line."""
    group = parser.getgroup("nodecheck", "checks of Neural ODE layers (nodecheck)")
    group.addoption(
        "--nodecheck",
        action="append",
        default=[],
        metavar="TARGET",
        dest="nodecheck_targets",
        help="Check the layers of this target, one item per layer and check; may be repeated.  TARGET is a "
        "registered name, package.module:object or path/file.py:object; TARGET::GLOB means only its layers "
        "whose name matches.",
    )
    names = ("profile", "select", "layer", "problem", "device", "dtype", "output", "seed")
    in_pytest(group.addoption, *names, "memory-limit", "time-limit")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the other parts of the plugin if there is a target or an output folder."""
    config.addinivalue_line("markers", "nodecheck: a check of a layer; nodecheck adds it to its items")
    if config.option.nodecheck_targets or config.option.nodecheck_output is not None:
        _register(config)


def _register(config: pytest.Config) -> None:
    """Register the part that collects layers and, outside a worker of xdist, the one that records results."""
    from nodecheck.frontends.pytest.arguments import settings_of, take_ids
    from nodecheck.frontends.pytest.quiet import quiet
    from nodecheck.frontends.pytest.targets import Targets, start_server

    wanted = take_ids(config)
    settings = settings_of(config, wanted)
    if settings.targets:
        start_server(settings)
    targets = Targets(config, settings, wanted)
    config.pluginmanager.register(targets, "nodecheck-targets")
    if not hasattr(config, "workerinput"):
        with quiet():
            from nodecheck.frontends.pytest.recorder import Recorder
        config.pluginmanager.register(Recorder(settings, targets), "nodecheck-recorder")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the items of nodecheck; all checks of a layer are one group of xdist."""
    if SUBJECT not in item.stash:
        # An item of `nodecheck.parametrize` has a check among its arguments; then this module is imported.
        module = sys.modules.get("nodecheck.frontends.pytest.layer_check")
        callspec = getattr(item, "callspec", None)
        if module is None or callspec is None:
            return
        subjects = [v for v in callspec.params.values() if isinstance(v, module.LayerCheck)]
        if not subjects:
            return
        item.stash[SUBJECT] = subjects[0]
    item.add_marker(pytest.mark.nodecheck)
    if item.config.pluginmanager.hasplugin("xdist"):
        item.add_marker(pytest.mark.xdist_group(item.stash[SUBJECT].label))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the results of a check to its reports, and its numbers to the item."""
    subject = item.stash.get(SUBJECT, None) if call.when != "teardown" else None
    if subject is None:
        return (yield)
    from nodecheck.frontends.pytest.transport import announce, numbers, seal

    if call.when == "setup":
        report = yield
        announce(report, subject)
        return report
    # Before the report is made, which copies the properties of the item.
    item.user_properties.extend(numbers(subject.results))
    report = yield
    seal(report, subject)
    return report
