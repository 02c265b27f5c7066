"""How xdist spreads the checks of layers over its workers."""

from __future__ import annotations

from xdist.scheduler import LoadGroupScheduling

from nodecheck.frontends.pytest.settings import ROOT


class ByLayer(LoadGroupScheduling):  # type: ignore[misc]
    """Like `--dist loadgroup`, and the checks of a layer are one group also where ids do not show it."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the group of an item."""
        scope: str = super()._split_scope(nodeid)
        return nodeid.rpartition("::")[0] if scope.startswith(f"{ROOT}::") else scope
