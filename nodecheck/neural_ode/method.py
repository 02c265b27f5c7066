"""Methods of a layer: its solver, its steps or tolerances, and the way to its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from nodecheck.neural_ode.adaptive import integrate_adaptively
from nodecheck.neural_ode.adaptive_adjoint import integrate_with_adaptive_adjoint
from nodecheck.neural_ode.checkpointed import (
    integrate_adaptively_with_checkpoints,
    integrate_with_checkpoints,
)
from nodecheck.neural_ode.continuous import integrate_with_adjoint
from nodecheck.neural_ode.explicit import VectorField, integrate
from nodecheck.neural_ode.grid import Segment
from nodecheck.neural_ode.reversible import integrate_reversibly
from nodecheck.neural_ode.step_control import StepControl
from nodecheck.numerics.constants import DEFAULT_STEPS
from nodecheck.numerics.pairs import find_pair
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import find_tableau

__all__ = ["AdaptiveSteps", "Adjoint", "FixedSteps", "method_of"]

Adjoint = Literal["continuous", "discrete", "checkpointed", "reversible"]

_FIXED: Mapping[str, Callable[[VectorField, Tensor, Sequence[Segment], ButcherTableau], list[Tensor]]] = (
    MappingProxyType(
        {
            "continuous": integrate_with_adjoint,
            "discrete": integrate,
            "checkpointed": integrate_with_checkpoints,
            "reversible": integrate_reversibly,
        }
    )
)
_ADAPTIVE: Mapping[str, Callable[[VectorField, Tensor, Sequence[Segment], StepControl], list[Tensor]]] = (
    MappingProxyType(
        {
            "continuous": integrate_with_adaptive_adjoint,
            "discrete": integrate_adaptively,
            "checkpointed": integrate_adaptively_with_checkpoints,
        }
    )
)


@dataclass(frozen=True)
class FixedSteps:
    """Equal steps of a tableau, `n_steps` over the whole interval."""

    tableau: ButcherTableau
    n_steps: int
    adjoint: Adjoint

    def integrate(self, dynamics: VectorField, y0: Tensor, segments: Sequence[Segment]) -> list[Tensor]:
        """Return the solution at the end of each segment."""
        return _FIXED[self.adjoint](dynamics, y0, segments, self.tableau)

    def __str__(self) -> str:
        return f"n_steps={self.n_steps}, solver={self.tableau.name!r}, adjoint={self.adjoint!r}"


@dataclass(frozen=True)
class AdaptiveSteps:
    """Steps of an embedded pair, whose size follows the estimated error."""

    control: StepControl
    adjoint: Adjoint
    n_steps: int = 1
    """Of a segment: one that has a length has steps."""

    def integrate(self, dynamics: VectorField, y0: Tensor, segments: Sequence[Segment]) -> list[Tensor]:
        """Return the solution at the end of each segment."""
        # An empty interval has no first step; what is left of it is the gradient with respect to its ends.
        timed = [replace(segment, n_steps=int(segment.start != segment.stop)) for segment in segments]
        return _ADAPTIVE[self.adjoint](dynamics, y0, timed, self.control)

    def __str__(self) -> str:
        control = self.control
        return (
            f"rtol={control.rtol}, atol={control.atol}, solver={control.pair.tableau.name!r}, "
            f"adjoint={self.adjoint!r}"
        )


def method_of(
    n_steps: int | None,
    solver: str | ButcherTableau | None,
    adjoint: Adjoint,
    tolerances: tuple[float | None, float | None],
    max_steps: int,
) -> FixedSteps | AdaptiveSteps:
    """Return the method that these arguments of `ODELayer` describe.

    Raises
    ------
    ValueError
        If one is not of the kind described there, or if they contradict each other.
    """
    if adjoint not in _FIXED:
        raise ValueError(
            f"adjoint must be one of {', '.join(_FIXED)}, got {adjoint!r}; "
            "choose 'discrete' for backpropagation through the solver"
        )
    if tolerances == (None, None):
        steps = _count("n_steps", DEFAULT_STEPS if n_steps is None else n_steps)
        return FixedSteps(find_tableau("euler" if solver is None else solver), steps, adjoint)
    rtol, atol = _checked(tolerances)
    if n_steps is not None:
        raise ValueError(
            f"n_steps must be left out where rtol and atol control the steps, got {n_steps!r}; "
            "give one or the other"
        )
    if adjoint not in _ADAPTIVE:
        raise ValueError(
            f"adjoint must be one of {', '.join(_ADAPTIVE)} where rtol and atol control the steps, got "
            f"{adjoint!r}; a reversible step has no estimate of its error: give n_steps"
        )
    pair = find_pair("dopri5" if solver is None else solver)
    return AdaptiveSteps(StepControl(pair, rtol, atol, _count("max_steps", max_steps)), adjoint)


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"{name} must be an integer of at least 1, got {value!r}; it counts steps, not grid points"
        )
    return value


def _checked(tolerances: tuple[float | None, float | None]) -> tuple[float, float]:
    rtol, atol = tolerances
    if rtol is None or atol is None or not (0.0 <= rtol < math.inf and 0.0 < atol < math.inf):
        raise ValueError(
            f"rtol must be a finite number of at least 0, and atol one above 0, got rtol={rtol!r} and "
            f"atol={atol!r}; give both, or n_steps for equal steps"
        )
    return float(rtol), float(atol)
