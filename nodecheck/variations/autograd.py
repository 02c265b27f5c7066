"""Uses of a layer in a model: data as y0, losses as they are written, inference."""

from __future__ import annotations

from nodecheck.layers import Variation

_ALONE = "use torch.autograd.grad in the backward pass, return what it returns, and leave .grad to PyTorch."
_READS = (
    f"What the backward pass returns depends on the .grad that was there before, or replaces it: {_ALONE}"
)
_WRITES = f"The backward pass writes .grad by itself, as .backward() does: {_ALONE}"

USES = (
    Variation("y0-is-data", "when y0 needs no gradient"),
    Variation("y0-is-computed", "when y0 is computed"),
    Variation("y0-is-transposed", "when y0 is not contiguous", refusable=True),
    Variation("y1-is-summed", "when y1 is summed over the batch"),
    Variation("cotangent-is-transposed", "when the cotangent is not contiguous"),
    Variation("autograd-grad", "with torch.autograd.grad", refusable=True),
    Variation("gradient-of-y0-alone", "with torch.autograd.grad for y0 alone", refusable=True, cause=_WRITES),
    Variation("accumulated", "when gradients accumulate", cause=_READS),
    Variation("second-backward", "in a second backward pass", refusable=True),
    Variation("kept-over-another-pass", "when gradients are kept over another pass", refusable=True),
    # Torch runs hooks whenever it computes a gradient, so in every product of an adjoint, too: not judged.
    Variation("parameter-hooks", "when parameters have hooks", refusable=True, judged=False),
    Variation("eval-mode", "in eval mode"),
    Variation("no-grad", "under torch.no_grad"),
    # There torch records nothing, whoever asks for it, so a layer that takes derivatives of the field on its
    # way gets none: not judged.
    Variation("inference-mode", "under torch.inference_mode", refusable=True, judged=False),
)
