"""Mutants with a log-determinant: it is wrong, or its gradient is."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor

from nodecheck.mutants.families import State
from nodecheck.mutants.log_det_families import AdjointFixedNoise, AdjointLogDet, ExactTrace, FixedNoise
from nodecheck.mutants.mutant import Mutant, mutant


class SignOfLogDet(ExactTrace):
    """The log-determinant has the sign of the change of log p."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        return -super().divergence(dy, y)


class TraceAveraged(ExactTrace):
    """The diagonal of the Jacobian is averaged, not added."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        return super().divergence(dy, y) / y.shape[1]


class TraceOfOneComponent(ExactTrace):
    """The first entry of the diagonal is taken for the trace."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        return self.product(dy[:, 0], y)[:, 0]


class JacobianSummed(ExactTrace):
    """All entries of the Jacobian are added, as the sum of the components is differentiated."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        return self.product(dy, y).sum(-1)


class LogDetOfTheBatch(ExactTrace):
    """Every member gets the sum over the batch."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        return super().divergence(dy, y).sum().expand(len(y))


class LogDetStartsAtOne(ExactTrace):
    """The log-determinant starts at one."""

    def start(self, y0: Tensor) -> Tensor:
        return torch.ones_like(y0[:, 0])


class TraceAtTheStart(ExactTrace):
    """The divergence is taken at the start of a step for all its stages."""

    def stages(self, field: object, t: float, h: float, state: State) -> list[State]:
        stages = super().stages(field, t, h, state)  # type: ignore[arg-type]
        return [(dy, stages[0][1]) for dy, _ in stages]


class LogDetDetached(ExactTrace):
    """The log-determinant carries no gradient."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        return super().divergence(dy, y).detach()


class DivergenceOfDetachedState(ExactTrace):
    """The divergence is differentiated with respect to the parameters only."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        alone = y.detach().requires_grad_()
        return super().divergence(self.dynamics(self.now, alone), alone)

    def field(self, t: float, state: State) -> State:
        self.now = t
        return super().field(t, state)


class NoiseInEachEvaluation(FixedNoise):
    """The noise is drawn anew in each evaluation."""

    def divergence(self, dy: Tensor, y: Tensor) -> Tensor:
        self.noise = self.signs(y)
        return super().divergence(dy, y)


class NoiseOfSmallVariance(FixedNoise):
    """The noise is uniform in [-1, 1], of variance one third."""

    def signs(self, y0: Tensor) -> Tensor:
        return 2 * torch.rand_like(y0) - 1


class CotangentOfLogDetDropped(AdjointLogDet):
    """The cotangent of the log-determinant is dropped."""

    def of_l(self, cotangent: Tensor) -> Tensor:
        return torch.zeros_like(cotangent)


class CotangentOfLogDetNegated(AdjointLogDet):
    """The adjoint of the log-determinant has the wrong sign."""

    def of_l(self, cotangent: Tensor) -> Tensor:
        return -cotangent


class NoiseInBackward(AdjointFixedNoise):
    """The backward pass draws another noise."""

    def pull_back_pair(self, y1: Tensor, of_y: Tensor, of_l: Tensor) -> tuple[Tensor | None, ...]:
        self.begin(y1)
        return super().pull_back_pair(y1, of_y, of_l)


LOG_DET: tuple[Mutant, ...] = (
    mutant(SignOfLogDet, "log_det_sign", "constant-divergence", "log-determinant"),
    mutant(TraceAveraged, "log_det_mean_over_components", "constant-divergence", "log-determinant"),
    mutant(TraceOfOneComponent, "log_det_one_component", "constant-divergence", "log-determinant"),
    mutant(JacobianSummed, "log_det_jacobian_summed", "constant-divergence", "log-determinant"),
    mutant(LogDetOfTheBatch, "log_det_summed_over_batch", "constant-divergence", "log-determinant"),
    mutant(LogDetStartsAtOne, "log_det_offset", "constant-divergence", "log-determinant"),
    mutant(TraceAtTheStart, "log_det_wrong_state", "log-determinant"),
    mutant(LogDetDetached, "log_det_detached", "log-det-gradient"),
    mutant(DivergenceOfDetachedState, "log_det_state_detached", "log-det-gradient"),
    mutant(NoiseInEachEvaluation, "log_det_noise_in_each_evaluation", "constant-divergence"),
    mutant(NoiseOfSmallVariance, "log_det_noise_variance", "constant-divergence"),
    mutant(CotangentOfLogDetDropped, "log_det_cotangent_dropped", "log-det-gradient"),
    mutant(CotangentOfLogDetNegated, "log_det_cotangent_sign", "log-det-gradient"),
    mutant(NoiseInBackward, "log_det_noise_in_backward", "log-det-gradient"),
)
