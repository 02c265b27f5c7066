"""Uses of a layer that there are on a device only."""

from __future__ import annotations

from nodecheck.layers import Variation

DETERMINISTIC = Variation(
    "deterministic-algorithms", "with torch.use_deterministic_algorithms", refusable=True
)
FULL_PRODUCTS = Variation("full-float32-products", "without TF32 products")
DEVICE_USES = (
    Variation("side-stream", "in a stream that is not the default one"),
    DETERMINISTIC,
    # What is made there without a device cannot be mixed with a state on the CPU: torch says so.
    Variation("other-default-device", "on the CPU where the default device is another one", refusable=True),
    Variation("second-device", "on a second device"),
    # Last: an error while a graph is captured may leave the device in disorder.
    Variation("captured-graph", "in a captured CUDA graph", refusable=True),
)
# A variation, and the largest relative distance of two neighbours in its format, by name.
AUTOCAST = (
    (Variation("autocast-float16", "under autocast in float16", refusable=True), "float16"),
    (Variation("autocast-bfloat16", "under autocast in bfloat16", refusable=True), "bfloat16"),
)
