"""Parameters that do not take part: frozen ones, and ones that the field does not use."""

from __future__ import annotations

from dataclasses import dataclass

from nodecheck.checks.check import check
from nodecheck.layers import (
    PLAIN,
    Gradients,
    LayerError,
    LayerUnderTest,
    Refusal,
    Solution,
    Solve,
    Variation,
    attempt,
    largest_entry,
)
from nodecheck.numerics import TOLERANCE_FACTOR
from nodecheck.problems import Problem, group_of, neural
from nodecheck.results import Evidence, Measurement, Unsupported, at_most
from nodecheck.variations.comparison import compared_resolution, difference
from nodecheck.variations.reuse import UNUSED_PARAMETERS, frozen_parameter


@dataclass(frozen=True)
class _Case:
    """Parameters that get no gradient.

    Attributes
    ----------
    words
        The parameters: "b1 frozen".
    capability
        The capability by which a layer promises not to refuse them.
    remedy
        The usual remedy for a layer that raises.
    frozen
        Names of groups that do not require a gradient.
    variation
        How the layer is used.
    """

    words: str
    capability: str
    remedy: str
    frozen: tuple[str, ...] = ()
    variation: Variation = PLAIN

    @property
    def kind(self) -> str:
        """The kind of parameters: "frozen parameters"."""
        return self.capability.replace("-", " ")


@dataclass(frozen=True)
class _Outcome:
    """The measurements of a case and a sentence; or the refusal of a layer that may refuse it."""

    measurements: tuple[Measurement, ...] = ()
    diagnosis: str = ""
    refusal: str = ""


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

    A layer may refuse such parameters with an error, unless it promises otherwise by "frozen-parameters" or
    "unused-parameters" in `supports`: that is `unsupported`, and a line on its identity card.  A gradient
    that is lost or changed without an error is a failure in any case.
    """
    resolution = compared_resolution(layer)
    (run,) = layer.gradients(problem, resolution, 1)
    bound = _bound(layer, problem, resolution, run.gradients)
    cases = _cases(problem)
    outcomes = [_try(layer, problem, resolution, case, run.gradients, bound) for case in cases]
    measurements = tuple(m for one in outcomes for m in one.measurements)
    kinds = [case.kind for case, one in zip(cases, outcomes, strict=True) if one.refusal]
    refused = f"with {' or '.join(kinds)}"
    facts = {"cannot be used": refused} if kinds else {}
    if kinds and all(m.holds for m in measurements):
        message = f"cannot be used {refused}.  {'  '.join(one.refusal for one in outcomes if one.refusal)}"
        raise Unsupported(message, facts)
    diagnosis = next((one.diagnosis for one in outcomes if one.diagnosis), "")
    return Evidence(measurements, diagnosis, facts=facts)


def _cases(problem: Problem) -> tuple[_Case, ...]:
    frozen = frozen_parameter(problem)
    return (
        _Case(
            f"{frozen} frozen",
            "frozen-parameters",
            "differentiate with respect to the parameters that require a gradient, no others.",
            frozen=(group_of(frozen),),
        ),
        _Case(
            "unused parameters",
            "unused-parameters",
            "torch.autograd.grad needs allow_unused=True, and zeros of the parameter's own shape for None.",
            variation=UNUSED_PARAMETERS,
        ),
    )


def _bound(layer: LayerUnderTest, problem: Problem, resolution: float, usual: Gradients) -> float:
    scale = max(largest_entry(value) for value in usual.values())
    if layer.adaptive:
        return TOLERANCE_FACTOR * resolution * max(1.0, scale)
    widest = max(value.size for value in problem.params.values())
    return layer.roundoff(max(1, layer.solve(problem, resolution).evaluations) * widest, scale)


def _try(
    layer: LayerUnderTest,
    problem: Problem,
    resolution: float,
    case: _Case,
    usual: Gradients,
    bound: float,
) -> _Outcome:
    """Return the outcome of one case."""
    wrt = tuple(group for group in problem.groups if group not in case.frozen)
    solve = Solve(problem, resolution, wrt=wrt if case.frozen else None, variation=case.variation)
    outcome = attempt(lambda: layer.fresh(solve, layer.cotangents(problem, 1)))
    if isinstance(outcome, Refusal):
        return _refused(layer, case, outcome)
    return _judged(problem, case, outcome, usual, bound)


def _refused(layer: LayerUnderTest, case: _Case, refusal: Refusal) -> _Outcome:
    """Return the outcome of a case in which the layer raises: a failure only where it promised not to.

    Another output than y1 is no refusal, although it is an error of ours.
    """
    text = f"With {case.words}: {str(refusal).rstrip('.')}.  Usual remedy: {case.remedy}"
    if case.capability in layer.claims.supports or isinstance(refusal.error, LayerError):
        return _Outcome((at_most(f"passes that raise, {case.words}", 1, 0),), text)
    return _Outcome(refusal=text)


def _judged(problem: Problem, case: _Case, solution: Solution, usual: Gradients, bound: float) -> _Outcome:
    """Return the outcome of a case in which the layer returns y1 and gradients."""
    gradients = solution.gradients
    wrt = tuple(group for group in problem.groups if group not in case.frozen)
    others = {name: gradients[name] for name in wrt}
    change = at_most(f"change of the other gradients, {case.words}", difference(others, usual), bound)
    frozen = sum(gradients[name] is not None for name in case.frozen)
    unused = [value for name, value in gradients.items() if name not in problem.groups]
    stray = frozen + sum(largest_entry(value) != 0 for value in unused)
    measurements = (change, at_most(f"gradients that should not be, {case.words}", stray, 0))
    if not change.holds:
        return _Outcome(measurements, f"With {case.words}, {_explain_others(others, usual, bound)}")
    return _Outcome(measurements, f"With {case.words}, these get a gradient." if stray else "")


def _explain_others(others: Gradients, usual: Gradients, bound: float) -> str:
    """Return a clause that names the gradients that changed, and the usual cause."""
    changed = [name for name in others if not difference({name: others[name]}, usual) <= bound]
    names = ", ".join(f"∂L/∂{name}" for name in changed)
    if all(value is None for value in others.values()):
        return "no gradient arrives anywhere: the output is detached."
    if all(others[name] is None for name in changed):
        return f"no gradient arrives any more for {names}."
    return f"other gradients change: {names}.  A vector of all gradients may be cut at the wrong places."
