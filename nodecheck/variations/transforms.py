"""Uses of a layer under function transforms."""

from __future__ import annotations

from nodecheck.layers import Variation
from nodecheck.layers.layer import FORWARD_MODE, VMAP

TRANSFORMS = (
    Variation(VMAP, "under torch.func.vmap", refusable=True, capability=VMAP),
    Variation("functional-gradient", "under torch.func.vjp", refusable=True),
    Variation(FORWARD_MODE, "under torch.func.jvp", refusable=True, capability=FORWARD_MODE),
)
