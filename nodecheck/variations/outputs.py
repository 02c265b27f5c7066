"""Uses of what a layer returns: it belongs to the caller, who may change it and keep it."""

from __future__ import annotations

from nodecheck.layers import Variation

_SAVED = (
    "The backward pass reads what was returned from the same memory: keep it with ctx.save_for_backward, "
    "which raises an error then, or keep a copy."
)
_MEMORY = "What it returns shares its memory with y0, or with what the layer keeps: return a clone."

USES_OF_OUTPUTS = (
    # With ctx.save_for_backward torch raises an error where a saved output was changed.
    Variation("outputs-changed", "when what it returns is changed in place", refusable=True, cause=_SAVED),
    # Another answer under torch.no_grad, where this happens, is told as such.
    Variation("outputs-kept", "when what it returns is kept over another call", judged=False, cause=_MEMORY),
)
