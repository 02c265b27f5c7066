"""The pages of a run: one, or an overview and a page for each layer; and what each of them shows."""

from __future__ import annotations

from collections.abc import Callable

from nodecheck.report.anchors import anchor
from nodecheck.report.plots import Extent
from nodecheck.report.words import FAULTLESS, layer_names, verdict
from nodecheck.results import Run

# Layers and results.  Where there are more of both, each layer has a page of its own beside the overview, on
# which passed results have one row for each check.
_MOST_LAYERS, _MOST_RESULTS = 20, 600
LAYERS = "layers"  # the folder of those pages, of their style sheet and of their script


def has_layer_pages(run: Run) -> bool:
    """Return True if the layers of a run have pages of their own."""
    return len(layer_names(run)) > _MOST_LAYERS and len(run.results) > _MOST_RESULTS


def layer_address(name: str) -> str:
    """Return the address of a layer's own page, seen from the overview."""
    return f"{LAYERS}/{anchor(name).replace(':', '-')}.html"


def extent(run: Run) -> Callable[[str], Extent]:
    """Return the extent of a layer's figures beside other layers: one without a fault has no pictures."""
    count = len(layer_names(run))

    def of_layer(name: str) -> Extent:
        if count == 1 or verdict(run, name).word not in FAULTLESS:
            return Extent.WHOLE
        return Extent.PLAIN if count <= _MOST_LAYERS else Extent.NONE

    return of_layer
