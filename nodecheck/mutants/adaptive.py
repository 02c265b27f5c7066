"""Adaptive mutants, whose tolerance does not control the error in the forward or the backward pass."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor, nn

from nodecheck.mutants.adaptive_families import DORMAND_PRINCE, AdaptiveAdjoint, AdaptiveBackprop
from nodecheck.mutants.families import Field, State
from nodecheck.mutants.mutant import Mutant, mutant

_LOOSE = 1e-3
_HARDLY = 1e-9  # a step of this fraction of its length has no effect


class ToleranceIgnored(AdaptiveBackprop):
    """The tolerance is always 1e-3."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, tol: float) -> None:
        super().__init__(dynamics, t0, t1, _LOOSE)


class EstimateWithoutStep(AdaptiveBackprop):
    """The error estimate is not multiplied by the step."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        return super().error(state, proposal, embedded, h) / abs(h)


class EstimateWithoutRoot(AdaptiveBackprop):
    """The error norm lacks its square root before it is compared with the tolerance."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        scaled = super().error(state, proposal, embedded, h)
        return float((scaled * self.tol) ** 2 / self.tol)


class SmallStepsAccepted(AdaptiveBackprop):
    """Steps below a smallest step are lengthened to it, and always accepted."""

    def clip(self, t: float, h: float, end: float) -> tuple[float, float]:
        return super().clip(t, h if abs(h) > 0.2 else (0.2 if end > t else -0.2), end)

    def accepts(self, error: float, h: float) -> bool:
        return super().accepts(error, h) or abs(h) <= 0.2


class GivesUp(AdaptiveBackprop):
    """After ten steps the state at that time is returned without an error."""

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        self.count = getattr(self, "count", 0) + 1
        silent = tuple(0 * x for x in state)
        return super().stages(field, t, h, state) if self.count <= 10 else [silent] * len(self.tableau.b)


class FirstMemberDecides(AdaptiveBackprop):
    """The error norm is that of the first member of the batch alone."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        first = ((state[0][:1],), (proposal[0][:1],), (embedded[0][:1],))
        return super().error(*first, h)


class FirstComponentDecides(AdaptiveBackprop):
    """The error norm is that of the first component of the state alone."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        first = ((state[0][..., :1],), (proposal[0][..., :1],), (embedded[0][..., :1],))
        return super().error(*first, h)


class LastComponentDecides(AdaptiveBackprop):
    """The error norm is that of the last component of the state alone."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        last = [tuple(x[..., -1:] for x in part) for part in (state, proposal, embedded)]
        return super().error(last[0], last[1], last[2], h)


class AcceptsEverything(AdaptiveBackprop):
    """Steps are accepted whatever their error; only the next one is shorter."""

    def accepts(self, error: float, h: float) -> bool:
        return True


class EstimateBlindToTime(AdaptiveBackprop):
    """The error is estimated from the last two stages, which are at the same time."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        *_, before, last = self.seen
        hidden = tuple(y + h / 40 * (b - a) for y, b, a in zip(proposal, last, before, strict=True))
        return super().error(state, proposal, hidden, h)

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        self.seen = super().stages(field, t, h, state)
        return self.seen


class EndInterpolated(AdaptiveBackprop):
    """The last step goes beyond t1, and the state there is interpolated linearly."""

    def clip(self, t: float, h: float, end: float) -> tuple[float, float]:
        self.share = min(1.0, abs((end - t) / h))
        return h, end if self.share < 1.0 else t + h

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        self.before: State = state
        after = super().integrate(field, start, end, state)
        return tuple(y + self.share * (z - y) for y, z in zip(self.before, after, strict=True))

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        self.before = state
        return super().stages(field, t, h, state)


class AdaptiveStageTimesAtStart(AdaptiveBackprop):
    """Every stage but the last is evaluated at the time at which the step begins."""

    def stage_time(self, t: float, node: float, h: float) -> float:
        return t + h if node == 1.0 else t


class CoefficientMistyped(AdaptiveBackprop):
    """One coefficient of the fifth stage is 64449/6561 in place of 64448/6561."""

    tableau = replace(
        DORMAND_PRINCE,
        a=(
            *DORMAND_PRINCE.a[:4],
            (19372 / 6561, -25360 / 2187, 64449 / 6561, -212 / 729),
            *DORMAND_PRINCE.a[5:],
        ),
    )


class GivesUpLate(AdaptiveBackprop):
    """After a hundred steps the state at that time is returned without an error."""

    most_steps = 100

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        self.count = 0
        return super().integrate(field, start, end, state)

    def clip(self, t: float, h: float, end: float) -> tuple[float, float]:
        self.count += 1
        return super().clip(t, h, end) if self.count <= self.most_steps else (_HARDLY * h, end)


class BackwardGivesUp(AdaptiveAdjoint):
    """The backward pass ends after sixty steps without an error."""

    def backward(self, state: State) -> State:
        limited = GivesUpLate(self.dynamics, self.t0, self.t1, self.tol)
        limited.most_steps = 60
        return limited.integrate(self.augmented, self.t1, self.t0, state)


class EndOvershot(AdaptiveBackprop):
    """The last step is not shortened: the returned state is that at a time beyond t1."""

    def clip(self, t: float, h: float, end: float) -> tuple[float, float]:
        return h, end if abs(h) >= abs(end - t) else t + h


class BackwardToleranceFixed(AdaptiveAdjoint):
    """The tolerance of the backward pass is always 1e-3."""

    def backward(self, state: State) -> State:
        return AdaptiveAdjoint(self.dynamics, self.t0, self.t1, _LOOSE).backward(state)


class BackwardToleranceRooted(AdaptiveAdjoint):
    """The backward pass has the square root of the tolerance."""

    def backward(self, state: State) -> State:
        tol, self.tol = self.tol, math.sqrt(self.tol)
        try:
            return super().backward(state)
        finally:
            self.tol = tol


class AdjointNotInNorm(AdaptiveAdjoint):
    """The error norm of the backward pass is that of the state and the parameters, without the adjoint."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        state, proposal, embedded = ((*x[:1], *x[2:]) for x in (state, proposal, embedded))
        return super().error(state, proposal, embedded, h)


class ParametersNotConverged(AdaptiveAdjoint):
    """The gradients of the parameters are always those for the tolerance 1e-3."""

    def pullback(self, y1: Tensor, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        loose = AdaptiveAdjoint(self.dynamics, self.t0, self.t1, _LOOSE).pullback(y1, cotangent)
        return (super().pullback(y1, cotangent)[0], *loose[1:])


class AdaptiveTimeReversed(AdaptiveAdjoint):
    """The backward pass uses the times in the order from t0 to t1."""

    def adjoint_time(self, t: float) -> float:
        return self.t0 + (self.t1 - t)


class AdaptiveWrongSign(AdaptiveAdjoint):
    """The gradients of the parameters have the wrong sign."""

    def backward(self, state: State) -> State:
        y, a, *pulled = super().backward(state)
        return (y, a, *(-g for g in pulled))


ADAPTIVE: tuple[Mutant, ...] = (
    mutant(ToleranceIgnored, "option_silently_ignored", "forward-tolerance"),
    # A blind spot: it takes more steps than necessary, and its error follows the tolerance all the same.
    mutant(EstimateWithoutStep, "error_estimate_missing_dt"),
    mutant(EstimateWithoutRoot, "error_estimate_missing_dt", "sudden-change"),
    mutant(SmallStepsAccepted, "min_step_accepts_bad_steps", "forward-tolerance"),
    mutant(GivesUp, "gives_up_silently", "forward-tolerance"),
    mutant(FirstMemberDecides, "error_norm_dilution", "forward-tolerance"),
    mutant(FirstComponentDecides, "error_norm_dilution", "forward-tolerance"),
    mutant(LastComponentDecides, "error_norm_dilution", "forward-tolerance"),
    mutant(AcceptsEverything, "min_step_accepts_bad_steps", "sudden-change"),
    mutant(EstimateBlindToTime, "error_estimate_missing_dt", "sudden-change", "power-tolerance"),
    mutant(EndInterpolated, "dense_output_inconsistent", "power-tolerance", "forward-tolerance"),
    mutant(AdaptiveStageTimesAtStart, "stage_time_wrong", "power-tolerance", "forward-tolerance"),
    mutant(CoefficientMistyped, "tableau_coefficient_typo", "forward-tolerance"),
    mutant(GivesUpLate, "gives_up_silently", "long-interval"),
    mutant(BackwardGivesUp, "gives_up_silently", "long-interval"),
    mutant(EndOvershot, "last_partial_step_wrong", "forward-tolerance"),
    mutant(BackwardToleranceFixed, "backward_options_not_forwarded", "gradient-tolerance"),
    mutant(BackwardToleranceRooted, "backward_options_not_forwarded", "gradient-tolerance"),
    mutant(AdjointNotInNorm, "error_norm_dilution", "gradient-tolerance"),
    mutant(ParametersNotConverged, "backward_options_not_forwarded", "gradient-tolerance"),
    mutant(AdaptiveTimeReversed, "adjoint_wrong_times", "gradient-tolerance"),
    mutant(AdaptiveWrongSign, "adjoint_sign_or_transpose", "gradient-tolerance"),
)
