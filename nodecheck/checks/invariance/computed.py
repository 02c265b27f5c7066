"""Parameters that are no leaves, as a hyper-network makes them."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Unsupported
from nodecheck.variations.computed import COMPUTED, judge_plain_tensors
from nodecheck.variations.same_answer import same_answer


@check(
    title="Computed parameters get their gradient",
    failure_title="Gradients are lost or wrong where parameters are computed",
    theme="Gradient",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, torch.func.functional_call; Ha, Dai & Le (2017): hyper-networks",
)
def computed_parameters(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Compute the parameters from other tensors: y1 and the gradients must be those of usual parameters.

    Hyper-networks, meta-learning and ensembles do not train the weights of the field, but what the weights
    are computed from.  So the weights are no leaves of the graph, and their gradient has to go on.  First the
    computed tensors are the parameters of the module for good.  Then they are so while
    `torch.func.functional_call` runs, as PyTorch documents it: the layer is built and called inside, the
    backward pass comes later, and by then the module has its own parameters again.

    A layer may refuse either with an error, unless it claims "computed-parameters" in `supports`.  A gradient
    that is lost or wrong without an error is a failure: here also ∂L/∂y0 is that of another field, and
    nothing tells the user.

    Weights may also be plain attributes of the module.  A layer that takes `dynamics.parameters()` is not
    given them, and many have an argument for further tensors, which `build` does not use.  So what does not
    arrive for them is no failure, but a line on the identity card; y1 and ∂L/∂y0 must be right all the same.

    Usual causes.  The backward pass of an `autograd.Function` calls the module, and differentiates with
    respect to what it was given in the forward pass: the field then does not depend on that.
    `torch.utils.checkpoint` does the same when it runs a segment again.  Or parameters are left out that are
    no leaves.

    Remedies.  Give the parameters to the Function, keep them with `ctx.save_for_backward`, and evaluate the
    field in the backward pass by `functional_call` with them; with `torch.utils.checkpoint`, give them to the
    segment as arguments in the same way.  Or compare `dynamics.parameters()` in the backward pass with those
    of the forward pass, and raise an error if they are other tensors.
    """
    (cotangent,) = layer.cotangents(problem, 1)
    evidence = same_answer(layer, problem, COMPUTED, cotangent)
    plain, sentence, facts = judge_plain_tensors(layer, problem, cotangent)
    if not evidence.measurements and all(m.holds for m in plain):
        message = f"cannot be used {evidence.facts.get('cannot be used', 'with computed parameters')}"
        raise Unsupported(message, {**evidence.facts, **facts})
    return Evidence(
        (*evidence.measurements, *plain),
        f"{evidence.diagnosis} {sentence}".strip(),
        facts={**evidence.facts, **facts},
    )
