"""The pytest plugin: `pytest --nodecheck TARGET`, and what items of `nodecheck.parametrize` need.

Every pytest that finds nodecheck installed loads this module, so it imports nothing heavy and does nothing
until it is asked to.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from nodecheck.options.option import in_pytest

if TYPE_CHECKING:
    from nodecheck.frontends.pytest.layer_check import LayerCheck

# The (layer, check) that an item is about; other items have none.
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
        "registered name, package.module:object or path/file.py:object.",
    )
    in_pytest(group.addoption, "profile", "select", "output", "seed", "memory-limit", "time-limit")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what collects and records if there is anything to do."""
    config.addinivalue_line("markers", "nodecheck: a check of a layer; nodecheck adds it to its items")
    if config.option.nodecheck_targets or config.option.nodecheck_output is not None:
        from nodecheck.frontends.pytest.targets import register

        register(config)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Recognise the items of `nodecheck.parametrize`; all checks of a layer are one group of xdist."""
    if SUBJECT not in item.stash:
        # Nobody can have used what is not imported.
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
    """Give the reports of a check what is known of it, and then its numbers and results."""
    subject = item.stash.get(SUBJECT, None) if call.when != "teardown" else None
    if subject is None:
        return (yield)
    from nodecheck.frontends.pytest.transport import announce, numbers, seal

    if call.when == "setup":
        report = yield
        announce(report, subject)
        return report
    # Into the item before the report is made, which copies them.
    item.user_properties.extend(numbers(subject.results))
    report = yield
    seal(report, subject)
    return report
