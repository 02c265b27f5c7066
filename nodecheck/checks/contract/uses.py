"""A layer in a model, and not on a test bench: data as y0, losses as they are written, inference."""

from __future__ import annotations

import numpy as np

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence
from nodecheck.variations.autograd import USES
from nodecheck.variations.parts import USES_OF_PARTS, answers_of_parts
from nodecheck.variations.same_answer import same_answer


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

    A layer may refuse, with an error, what can be written otherwise: a y0 that is not contiguous,
    `torch.autograd.grad`, a second backward pass, `torch.inference_mode`.  That is information, and
    so is another answer in inference mode, where a layer that takes derivatives of the field on its way
    cannot have them, or where a parameter has a hook, which an adjoint may run in every product.  A warning
    excuses nothing: a gradient that is lost, as reentrant checkpoints lose it, is lost.
    """
    row = layer.cotangents(problem, 1)[0][:1]
    cotangent = np.tile(row, (len(problem.y0), 1))
    if not layer.takes_pairs:
        return same_answer(layer, problem, USES, cotangent)
    expected = answers_of_parts(layer, problem, cotangent)
    return same_answer(layer, problem, (*USES, *USES_OF_PARTS), cotangent, expected)
