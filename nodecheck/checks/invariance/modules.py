"""The same field in modules of another shape."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Inconclusive
from nodecheck.variations.modules import MODULES
from nodecheck.variations.same_answer import same_answer
from nodecheck.variations.turns import judge_turns
from nodecheck.variations.units import iterates


@check(
    title="Other modules of the same field give the same answer",
    failure_title="Other modules of the same field give another answer",
    theme="Gradient",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, Module.named_parameters, Parametrizations; torchdiffeq issues 119 and 227",
)
def other_modules(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Write the field as networks are written: y1 and the gradients must be those of one flat module.

    A field may have no parameters at all, but buffers.  Forward hooks run when a module is called, as those
    of pruning and of older normalisations do, and a field may depend on train and eval mode.  Parameters sit
    in modules within modules.  A tied weight is one parameter under two names, and its gradient counts once.
    Under a parametrisation what is trained is not the weight.  And a field may use some of its parameters at
    some times only, so that one step says nothing about the others, and a graph that is recorded in one step
    gives the gradient to the wrong ones.

    Autocast is on in the forward pass alone, as it should be.  An adjoint that evaluates the field in the
    backward pass then evaluates another one, unless it sets the state of the forward pass there.  On a real
    field the two differ by the rounding of products, so that is a line on the identity card.  A layer with
    "autocast" in `supports` is held to it, by a field that is twice as large where autocast is off.

    A layer that always calls the forward method of the module, and so its hooks never, solves another
    equation consistently: that is a line on the identity card.  One that does so in one pass only is wrong.

    A layer may refuse fields without parameters, parametrised ones and the last with an error, and tied
    weights unless it promises them by "tied-parameters" in `supports`, but not lose a gradient silently.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    evidence = same_answer(layer, problem, MODULES, cotangent)
    turns, sentence = judge_turns(layer, problem, cotangent)
    if evidence.diagnosis and not layer.adaptive and iterates(layer):
        message = (
            f"the layer iterates to some tolerance, whose norm may depend on parameters: {evidence.diagnosis}"
        )
        raise Inconclusive(message)
    return Evidence(
        (*evidence.measurements, *turns), f"{evidence.diagnosis} {sentence}".strip(), facts=evidence.facts
    )
