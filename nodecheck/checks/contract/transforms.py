"""A layer under the function transforms of `torch.func`, and under `torch.compile`."""

from __future__ import annotations

from dataclasses import replace

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest, Variation
from nodecheck.layers.layer import COMPILE
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Unsupported
from nodecheck.variations.same_answer import same_answer
from nodecheck.variations.transforms import COMPILED, TRANSFORMS

_NAME, _REFUSED = "function transforms", "cannot be used"


@check(
    title="Function transforms give the same answer",
    failure_title="Function transforms give another answer",
    theme="Contract",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, torch.func; Extending torch.func with autograd.Function; torch.compile",
)
def function_transforms(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Solve under `torch.func.vmap`, `vjp` and `jvp`: the answers must be those of plain use.

    Under `vmap` two batches are solved in one call.  The derivative in forward mode, for one tangent at a
    time, must give the gradient that the backward pass gives.  Under `torch.compile` the layer is traced, and
    its graphs are run by PyTorch (backend "aot_eager"); graphs may end early, where Python decides.  That
    takes seconds, so it is tried in the profile `full`, and where "compile" is claimed.

    A layer may refuse all of them with an error, unless it claims "vmap", "forward-mode" or "compile".
    An `autograd.Function` refuses without rules for them, and an adaptive layer refuses `vmap`, because
    Python decides on its steps.  What works is a line on the identity card.

    A wrong answer comes from a rule that was written by hand, `vmap` or `jvp` of an `autograd.Function`, from
    a tangent that is lost where the layer detaches its state, or from a state that is read as a number.
    Under `torch.compile` it comes from a branch of the layer for compiled code, or from a value that Python
    keeps.  Remedies: `generate_vmap_rule = True`, and a `jvp` that calls `torch.func.jvp` of the same steps;
    `torch.compiler.disable` for what cannot be traced.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    asked = _asked(layer)
    found = same_answer(layer, problem, asked, cotangent)
    facts = dict(found.facts)
    refused = facts.pop(_REFUSED, "")
    if not found.measurements:
        message = f"cannot be used {refused}: refused with an error."
        raise Unsupported(message, {**facts, _NAME: "refused with an error"})
    right = {m.name for m in found.measurements if m.holds}
    works = ", ".join(v.when for v in asked if f"change {v.when}" in right)
    return replace(found, facts={**facts, _NAME: f"works {works}"} if works else facts)


def _asked(layer: LayerUnderTest) -> tuple[Variation, ...]:
    """Return the transforms, and `torch.compile` where it is claimed or the profile takes the time."""
    compiled = COMPILE in layer.claims.supports or layer.profile.name == "full"
    return (*TRANSFORMS, COMPILED) if compiled else TRANSFORMS
