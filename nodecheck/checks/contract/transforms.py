"""A layer under the function transforms of `torch.func`."""

from __future__ import annotations

from dataclasses import replace

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Unsupported
from nodecheck.variations.same_answer import same_answer
from nodecheck.variations.transforms import TRANSFORMS

_REFUSED = "cannot be used"


@check(
    title="Function transforms give the same answer",
    failure_title="Function transforms give another answer",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, torch.func; Extending torch.func with autograd.Function",
)
def function_transforms(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve under `torch.func.vmap`, `vjp` and `jvp`: the answers must be those of plain use.

    Under `vmap` two batches are solved in one call.  The derivative in forward mode, for one tangent at a
    time, must give the gradient that the backward pass gives.

    A layer may refuse all of them with an error, unless it promises "vmap" or "forward-mode" in `supports`.
    An `autograd.Function` refuses without rules for them, and an adaptive layer refuses `vmap`, because
    Python decides on its steps.  What works is a line on the identity card.

    A wrong answer comes from a rule that was written by hand, `vmap` or `jvp` of an `autograd.Function`, from
    a tangent that is lost where the layer detaches its state, or from a state that is read as a number.
    Remedies: `generate_vmap_rule = True`, and a `jvp` that calls `torch.func.jvp` of the same steps.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    found = same_answer(layer, problem, TRANSFORMS, cotangent)
    refused = found.facts.get(_REFUSED, "")
    if not found.measurements:
        message = f"cannot be used {refused}: refused with an error."
        raise Unsupported(message, {"function transforms": "refused with an error"})
    right = {m.name for m in found.measurements if m.holds}
    works = ", ".join(v.when for v in TRANSFORMS if f"change {v.when}" in right)
    return replace(found, facts={"function transforms": f"works {works}"} if works else {})
