"""Parameters that do not take part: frozen ones, and ones that the field does not use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nodecheck.backends.torch.reuse import with_uninvolved
from nodecheck.checks.check import check
from nodecheck.checks.contract.passes import difference, largest_entry
from nodecheck.layers import Array, Gradients, LayerUnderTest
from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.numerics import TOLERANCE_FACTOR, roundoff
from nodecheck.problems import Problem, neural
from nodecheck.results import Evidence, Measurement, at_most

_N_STEPS, _TOLERANCE = 4, 1e-4
# More than one entry each, and of sizes that no parameter of the problem has, so that nothing lines up.
_BEFORE: Mapping[str, Array] = {"unused_before": np.full((2, 7), 0.5)}
_AFTER: Mapping[str, Array] = {"unused_after": np.full(11, 0.5)}


@dataclass(frozen=True, eq=False)
class _Case:
    """Parameters that are not involved, in words, and what helps a layer that stumbles over them."""

    words: str
    remedy: str
    frozen: Sequence[str] = ()
    before: Mapping[str, Array] = field(default_factory=dict)
    after: Mapping[str, Array] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Names of the parameters that should get no gradient."""
        return {*self.frozen, *self.before, *self.after}


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
    resolution = _TOLERANCE if layer.adaptive else _N_STEPS
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
            frozen=(frozen,),
        ),
        _Case(
            "unused parameters",
            "torch.autograd.grad needs allow_unused=True, and zeros of the parameter's own shape for None.",
            before=_BEFORE,
            after=_AFTER,
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
    """Return what one case does to the gradients, and what is wrong with that."""
    (cotangent,) = layer.cotangents(problem, 1)
    gradients = attempt(
        lambda: with_uninvolved(
            layer.claims,
            problem,
            resolution,
            cotangent,
            frozen=case.frozen,
            before=case.before,
            after=case.after,
        )
    )
    if isinstance(gradients, Refusal):
        raised = at_most(f"passes that raise, {case.words}", 1, 0)
        reason = str(gradients).rstrip(".")
        return (raised,), f"With {case.words}: {reason}.  Usual remedy: {case.remedy}"
    others = {name: value for name, value in gradients.items() if name not in case.names}
    change = at_most(f"change of the other gradients, {case.words}", difference(others, usual), bound)
    frozen = sum(gradients[name] is not None for name in case.frozen)
    stray = frozen + sum(largest_entry(gradients[name]) != 0 for name in (*case.before, *case.after))
    measurements = (change, at_most(f"gradients that should not be, {case.words}", stray, 0))
    if not change.holds:
        return measurements, f"With {case.words}, {_explain(others, usual, bound)}"
    return measurements, f"With {case.words}, these get a gradient." if stray else ""


def _explain(others: Gradients, usual: Gradients, bound: float) -> str:
    """Say which gradients are not the usual ones, and what does that."""
    changed = [name for name in others if not difference({name: others[name]}, usual) <= bound]
    names = ", ".join(f"∂L/∂{name}" for name in changed)
    if all(value is None for value in others.values()):
        return "no gradient arrives anywhere: the output is detached."
    if all(others[name] is None for name in changed):
        return f"no gradient arrives any more for {names}."
    return f"other gradients change: {names}.  A vector of all gradients may be cut at the wrong places."
