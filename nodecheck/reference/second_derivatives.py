"""The exact gradient of a gradient penalty: products of the second derivatives with the gradient itself.

Of P = |∂L/∂x|² / 2 the gradient is H ∂L/∂x, where H are the second derivatives of L.  As H is symmetric, that
is the change of ∂L/∂x where x moves along ∂L/∂x: a derivative along one line, by difference quotients of
exact gradients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nodecheck.numerics.constants import EPS, SECOND_DIFFERENCE_LEVELS, SECOND_DIFFERENCE_STEP
from nodecheck.numerics.errors import rms
from nodecheck.problems import Float64, Problem
from nodecheck.reference.sensitivity import sensitivity

_Groups = dict[str, Float64]


@dataclass(frozen=True, eq=False)
class PenaltyGradient:
    """The gradients of a loss and of the penalty on its gradient, by group.

    Attributes
    ----------
    loss
        ∂L/∂x: of y0 with shape (B, d), of parameters summed over the batch.
    penalty
        ∂P/∂x for P = |∂L/∂x|² / 2 over the penalised groups.
    rtol
        Estimated error of `penalty`, relative to the RMS of each group: the largest.
    """

    loss: Mapping[str, Float64]
    penalty: Mapping[str, Float64]
    rtol: float


def penalty_gradient(
    problem: Problem, cotangent: Float64, *, quadratic: bool, of_parameters: bool
) -> PenaltyGradient:
    """Return the exact gradients of L and of the penalty on its gradient.

    Parameters
    ----------
    problem
        The problem, without output times.
    cotangent
        The weights w of L = <w, y1>, shape (B, d).
    quadratic
        True for L = <w, y1> + |y1|² / 2, whose cotangent depends on y1.
    of_parameters
        True if the gradients of parameters are penalised beside that of y0.
    """

    def gradient(at: Problem) -> _Groups:
        found = sensitivity(at)
        return found.pullback(cotangent + found.y1 if quadratic else cotangent)

    loss = gradient(problem)
    direction = {name: g if of_parameters or name == "y0" else np.zeros_like(g) for name, g in loss.items()}
    moving = np.concatenate([v.ravel() for v in direction.values() if np.any(v)])
    step = SECOND_DIFFERENCE_STEP / rms(moving)
    penalty, error = _along(lambda s: gradient(_moved(problem, direction, s)), step)
    rounding = EPS * 2 ** (SECOND_DIFFERENCE_LEVELS - 1) / step
    worst = max((rms(error[name]) + rounding * rms(loss[name])) / rms(penalty[name]) for name in loss)
    return PenaltyGradient(loss, penalty, max(worst, sensitivity(problem).rtol))


def _along(gradient: Callable[[float], _Groups], step: float) -> tuple[_Groups, _Groups]:
    """Return the derivative of `gradient` at 0, and the last change of its extrapolation (Romberg).

    Central differences have even powers of the step in their error: each column takes one of them away.
    """
    steps = [step / 2**k for k in range(SECOND_DIFFERENCE_LEVELS)]
    column = [_quotient(gradient(h), gradient(-h), 2 * h) for h in steps]
    best = [column[-1]]
    for power in itertools.count(1):
        factor = 4.0**power - 1.0
        column = [
            {name: fine[name] + (fine[name] - coarse[name]) / factor for name in fine}
            for coarse, fine in itertools.pairwise(column)
        ]
        best.append(column[-1])
        if len(column) == 1:
            break
    return best[-1], {name: best[-1][name] - best[-2][name] for name in best[-1]}


def _quotient(ahead: _Groups, behind: _Groups, distance: float) -> _Groups:
    return {name: (ahead[name] - behind[name]) / distance for name in ahead}


def _moved(problem: Problem, direction: _Groups, distance: float) -> Problem:
    groups = {name: value + distance * direction[name] for name, value in problem.groups.items()}
    return problem.replace(y0=groups["y0"], params=problem.params_of(groups))
