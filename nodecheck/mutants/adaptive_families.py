"""The right adaptive layers: the resolution is a tolerance, from which the step sizes follow."""

# ruff: noqa: ARG002
# accepts() and error() have the step as an argument for mutants that override them.

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from nodecheck.mutants.families import Backprop, ByAdjoint, Field, State, Tableau, advance

# Dormand & Prince (1980), RK5(4)7M: order five, with an embedded method of order four.
DORMAND_PRINCE = Tableau(
    a=(
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    ),
    b=(35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0),
    c=(0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
    embedded=(5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40),
)


class AdaptiveSteps(Backprop):
    """Dormand and Prince's pair under an integral controller.

    The step sizes are numbers and no tensors, so that no gradient flows through the controller.
    """

    tableau: ClassVar[Tableau] = DORMAND_PRINCE
    order: ClassVar[int] = 5
    tableau_name: ClassVar[str | None] = None
    adaptive: ClassVar[bool] = True

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, tol: float) -> None:
        super().__init__(dynamics, t0, t1, 0)
        self.tol = tol

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        """Return the state at `end`."""
        t, h = start, self.first_step(start, end)
        while t != end:
            h, reached = self.clip(t, h, end)
            stages = self.stages(field, t, h, state)
            proposal = advance(state, h, self.tableau.b, stages)
            embedded = advance(state, h, self.tableau.embedded, stages)
            error = self.error(state, proposal, embedded, h)
            if self.accepts(error, h):
                t, state = reached, proposal
            # Hairer, Nørsett & Wanner (1993), sec. II.4: safety factor 0.9, growth between 1/5 and 5.
            h *= min(5.0, max(0.2, 0.9 * error ** (-1 / 5))) if error > 0 else 5.0
            if t + h == t:
                message = (
                    f"expected a step that advances time, got {h:.1e} at t = {t:.6g}; raise the tolerance"
                )
                raise RuntimeError(message)
        return state

    def first_step(self, start: float, end: float) -> float:
        """Return the first step."""
        return (end - start) / 16

    def clip(self, t: float, h: float, end: float) -> tuple[float, float]:
        """Return the step, shortened to end at `end`, and the time that it reaches."""
        return (end - t, end) if abs(h) >= abs(end - t) else (h, t + h)

    def accepts(self, error: float, h: float) -> bool:
        """Return True if a step is accepted."""
        return error <= 1.0

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        """Return the largest estimated error of a component, in units of tol (1 + |y|)."""
        scaled = (
            ((y - z).abs() / (self.tol * (1 + x.abs()))).detach()
            for x, y, z in zip(state, proposal, embedded, strict=True)
        )
        return max(float(x.max()) for x in scaled)


class AdaptiveBackprop(AdaptiveSteps):
    """Dormand and Prince's pair, differentiated by backpropagation."""


class AdaptiveAdjoint(AdaptiveSteps, ByAdjoint):
    """Dormand and Prince's pair, differentiated by the continuous adjoint."""


class RelativeAndAbsolute(AdaptiveSteps):
    """Dormand and Prince's pair, whose error is at most atol + rtol |y|."""

    both_tolerances: ClassVar[bool] = True

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, rtol: float, atol: float) -> None:
        super().__init__(dynamics, t0, t1, rtol)
        self.rtol, self.atol = rtol, atol

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        """Return the largest estimated error of a component, in units of atol + rtol |y|."""
        scaled = (
            ((y - z).abs() / self.allowed(x)).detach()
            for x, y, z in zip(state, proposal, embedded, strict=True)
        )
        return max(float(x.max()) for x in scaled)

    def allowed(self, x: Tensor) -> Tensor:
        """Return the error that is allowed for each component of a part of the state."""
        return self.atol + self.rtol * x.abs()


class AdjointRelativeAndAbsolute(RelativeAndAbsolute, ByAdjoint):
    """Dormand and Prince's pair with both tolerances, differentiated by the continuous adjoint."""
