"""A layer in a model, and not on a test bench: data as y0, losses as they are written, inference."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem, neural, neural_at_outputs
from nodecheck.results import Evidence
from nodecheck.variations.autograd import USES
from nodecheck.variations.outputs import USES_OF_OUTPUTS
from nodecheck.variations.parts import USES_OF_PARTS, answers_of_parts
from nodecheck.variations.same_answer import same_answer

_REFUSED = "cannot be used"


@check(
    title="Other uses give the same answer",
    failure_title="Other uses give another answer",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, Extending PyTorch and Locally disabling gradient computation",
)
def other_uses(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Use the layer as models do: y1 and the gradients must be those of the plain use.

    Data as y0 need no gradient, but the parameters do.  y0 may come from an encoder or be transposed; the
    cotangent of a sum is one number in memory; gradients may be asked for by `torch.autograd.grad`, kept
    while another pass runs, or asked for a second time through the same graph; and evaluation runs in eval
    mode, or under `torch.no_grad`.  What a layer does wrong there, it does silently.  Of a state that
    is a pair one part may be data, or alone in the loss.

    What is returned belongs to the caller.  It is changed in place before the backward pass, as `y1 += x`
    does, each output time by another factor, and the first result is kept over a call with another y0.
    Neither may change y0, another output, a later result or the gradient.

    A layer may refuse, with an error, what can be written otherwise: a y0 that is not contiguous, a result
    that was changed in place, `torch.autograd.grad`, a second backward pass, `torch.inference_mode`.  That is
    information, and so is another answer in inference mode, where a layer that takes derivatives of the field
    on its way cannot have them, or where a parameter has a hook, which an adjoint may run in every product.
    A warning excuses nothing: a gradient that is lost, as reentrant checkpoints lose it, is lost.
    """
    row = layer.cotangents(problem, 1)[0][:1]
    cotangent = np.tile(row, (len(problem.y0), 1))
    expected = answers_of_parts(layer, problem, cotangent) if layer.takes_pairs else {}
    of_parts = USES_OF_PARTS if layer.takes_pairs else ()
    usual = same_answer(layer, problem, (*USES, *of_parts), cotangent, expected)
    returned = layer.counterpart(neural_at_outputs) if layer.claims.output_times else problem
    of_outputs = same_answer(layer, returned, USES_OF_OUTPUTS, layer.cotangents(returned, 1)[0])
    return _both(usual, of_outputs)


def _both(first: Evidence, second: Evidence) -> Evidence:
    """Return the evidence of two groups of uses as one."""
    refused = ", ".join(filter(None, (one.facts.get(_REFUSED, "") for one in (first, second))))
    return Evidence(
        (*first.measurements, *second.measurements),
        f"{first.diagnosis} {second.diagnosis}".strip(),
        facts={**first.facts, **second.facts, **({_REFUSED: refused} if refused else {})},
    )
