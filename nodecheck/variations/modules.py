"""The same field in modules of another form."""

from __future__ import annotations

from nodecheck.layers import Variation
from nodecheck.layers.layer import AUTOCAST

MODULES = (
    Variation("no-parameters", "when there are no parameters", refusable=True),
    Variation("forward-hook", "when a forward hook changes the field"),
    Variation("train-mode-field", "when train mode changes the field"),
    Variation("eval-mode-field", "when eval mode changes the field"),
    Variation(
        "autocast-field",
        "when autocast changes the field",
        refusable=True,
        capability=AUTOCAST,
        judged=False,  # unless it is promised: rounding of products is no other field
        cause=(
            "The backward pass evaluates the field without the autocast state of the forward pass: put "
            "torch.amp.custom_fwd and torch.amp.custom_bwd on the methods of the torch.autograd.Function."
        ),
    ),
    Variation("nested", "when parameters are two modules deep"),
    Variation("tied", "when every parameter has two names", refusable=True, capability="tied-parameters"),
    Variation("parametrised", "when parameters are parametrised", refusable=True),
    Variation("in-turns", "when half of the parameters are used in half of the interval", refusable=True),
)
# The gradients are those of the parameters of the second half alone: no plain solution has them.
LATE_TURN = Variation("late-turn", "in the second half of the interval", refusable=True)
