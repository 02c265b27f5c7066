"""Uses of a layer under function transforms."""

from __future__ import annotations

from nodecheck.layers import Variation
from nodecheck.layers.layer import COMPILE, FORWARD_MODE, VMAP

TRANSFORMS = (
    Variation(VMAP, "under torch.func.vmap", refusable=True, capability=VMAP),
    Variation("functional-gradient", "under torch.func.vjp", refusable=True),
    Variation(FORWARD_MODE, "under torch.func.jvp", refusable=True, capability=FORWARD_MODE),
)
COMPILED = Variation(
    COMPILE,
    "under torch.compile",
    refusable=True,
    capability=COMPILE,
    cause="What the layer does where torch.compiler.is_compiling(), or what it reads from Python, is another "
    "computation then.",
)
