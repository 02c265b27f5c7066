"""Parameters that do not take part: frozen ones, and ones that the field does not use."""

from __future__ import annotations

from dataclasses import dataclass

from nodecheck.checks.check import check
from nodecheck.layers import (
    PLAIN,
    Gradients,
    LayerUnderTest,
    Refusal,
    Solve,
    Variation,
    attempt,
    largest_entry,
)
from nodecheck.numerics import TOLERANCE_FACTOR, roundoff
from nodecheck.problems import Problem, group_of, neural
from nodecheck.results import Evidence, Measurement, at_most
from nodecheck.variations.comparison import compared_resolution, difference
from nodecheck.variations.reuse import UNUSED_PARAMETERS


@dataclass(frozen=True)
class _Case:
    """Parameters that get no gradient.

    Attributes
    ----------
    words
        The parameters: "b1 frozen".
    remedy
        The usual remedy for a layer that raises.
    frozen
        Names of groups that do not require a gradient.
    variation
        How the layer is used.
    """

    words: str
    remedy: str
    frozen: tuple[str, ...] = ()
    variation: Variation = PLAIN


@check(
    title="Frozen and unused parameters do no harm",
    failure_title="Frozen or unused parameters do harm",
    theme="Gradient",
    kind="identity",
    problems=(neural,),
    needs="backward-pass",
    cite="torchdiffeq issue 118, torchdyn issues 168 and 206; PyTorch documentation, torch.autograd.grad",
)
def uninvolved_parameters(layer: LayerUnderTest, problem: Problem) -> Evidence:
    """Freeze one parameter of the dynamics; then add two that the field does not use, in front and behind.

    Fine-tuning freezes parameters, and modules have some that one task does not need.  An adjoint that
    differentiates with respect to all parameters raises; one that packs the gradients into a vector may cut
    it at the wrong places.  All other gradients must stay as they are: to rounding, or to the tolerance of
    an adaptive layer, whose error norm may include them.
    """
    resolution = compared_resolution(layer)
    (run,) = layer.gradients(problem, resolution, 1)
    bound = _bound(layer, problem, resolution, run.gradients)
    measurements: list[Measurement] = []
    diagnosis = ""
    for case in _cases(problem):
        found, words = _try(layer, problem, resolution, case, run.gradients, bound)
        measurements += found
        diagnosis = diagnosis or words
    return Evidence(tuple(measurements), diagnosis)


def _cases(problem: Problem) -> tuple[_Case, ...]:
    frozen = tuple(problem.params)[len(problem.params) // 2]
    return (
        _Case(
            f"{frozen} frozen",
            "differentiate with respect to the parameters that require a gradient, no others.",
            frozen=(group_of(frozen),),
        ),
        _Case(
            "unused parameters",
            "torch.autograd.grad needs allow_unused=True, and zeros of the parameter's own shape for None.",
            variation=UNUSED_PARAMETERS,
        ),
    )


def _bound(layer: LayerUnderTest, problem: Problem, resolution: float, usual: Gradients) -> float:
    scale = max(largest_entry(value) for value in usual.values())
    if layer.adaptive:
        return TOLERANCE_FACTOR * resolution * max(1.0, scale)
    widest = max(value.size for value in problem.params.values())
    return roundoff(max(1, layer.solve(problem, resolution).evaluations) * widest, scale)


def _try(
    layer: LayerUnderTest,
    problem: Problem,
    resolution: float,
    case: _Case,
    usual: Gradients,
    bound: float,
) -> tuple[tuple[Measurement, ...], str]:
    """Return the measurements of one case, and a sentence about what is wrong."""
    wrt = tuple(group for group in problem.groups if group not in case.frozen)
    solve = Solve(problem, resolution, wrt=wrt if case.frozen else None, variation=case.variation)
    outcome = attempt(lambda: layer.fresh(solve, layer.cotangents(problem, 1)))
    if isinstance(outcome, Refusal):
        refused = at_most(f"passes that raise, {case.words}", 1, 0)
        reason = str(outcome).rstrip(".")
        return (refused,), f"With {case.words}: {reason}.  Usual remedy: {case.remedy}"
    gradients = outcome.gradients
    others = {name: gradients[name] for name in wrt}
    change = at_most(f"change of the other gradients, {case.words}", difference(others, usual), bound)
    frozen = sum(gradients[name] is not None for name in case.frozen)
    unused = [value for name, value in gradients.items() if name not in problem.groups]
    stray = frozen + sum(largest_entry(value) != 0 for value in unused)
    measurements = (change, at_most(f"gradients that should not be, {case.words}", stray, 0))
    if not change.holds:
        return measurements, f"With {case.words}, {_explain_others(others, usual, bound)}"
    return measurements, f"With {case.words}, these get a gradient." if stray else ""


def _explain_others(others: Gradients, usual: Gradients, bound: float) -> str:
    """Return a clause that names the gradients that changed, and the usual cause."""
    changed = [name for name in others if not difference({name: others[name]}, usual) <= bound]
    names = ", ".join(f"∂L/∂{name}" for name in changed)
    if all(value is None for value in others.values()):
        return "no gradient arrives anywhere: the output is detached."
    if all(others[name] is None for name in changed):
        return f"no gradient arrives any more for {names}."
    return f"other gradients change: {names}.  A vector of all gradients may be cut at the wrong places."
