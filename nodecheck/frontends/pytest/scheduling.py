"""The scheduler of xdist that keeps the checks of a layer in one worker."""

from __future__ import annotations

from xdist.scheduler import LoadGroupScheduling

from nodecheck.frontends.pytest.arguments import ROOT


class ByLayer(LoadGroupScheduling):  # type: ignore[misc]
    """The scheduler of `--dist loadgroup`; the checks of a layer are one group even if ids do not show it."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the group of an item."""
        if nodeid.startswith(f"{ROOT}::"):  # xdist would read "mine@cuda" as a group
            return nodeid.rpartition("::")[0]
        scope: str = super()._split_scope(nodeid)
        return scope
