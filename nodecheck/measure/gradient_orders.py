"""The orders at which gradients of a loss converge, beside our own solver."""

from __future__ import annotations

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.controls import asymptotic, control
from nodecheck.measure.convergence import OF_ALL, Loss, gradient_errors, gradient_ladders, order_of, settled
from nodecheck.measure.tolerance import follows_tolerance
from nodecheck.numerics import INCONSISTENT_BELOW, ORDER_MARGIN
from nodecheck.problems import Problem
from nodecheck.results import Measurement, at_least


def gradient_orders(layer: LayerUnderTest, problem: Problem, loss: Loss = OF_ALL) -> tuple[Measurement, ...]:
    """Return the order of the gradient of each group, or how its error follows the tolerance."""
    return _within_tolerance(layer, problem, loss) if layer.adaptive else _of_order(layer, problem, loss)


def _of_order(layer: LayerUnderTest, problem: Problem, loss: Loss) -> tuple[Measurement, ...]:
    order = order_of(layer)
    own = control(layer, order)
    judges = None if own is None else asymptotic(gradient_ladders(own, problem, 0, loss), order, problem)
    ladders = settled(
        lambda extra: gradient_ladders(layer, problem, extra, loss),
        lambda found: any(ladder.fit.rises_towards(order) for ladder in found.values()),
    )
    measurements: list[Measurement] = []
    for group, ladder in ladders.items():
        name = f"∂{loss.name}/∂{group}"
        if judges is not None and group not in judges:
            continue
        if ladder.fit.exact:
            measurements.append(ladder.at_floor(f"error of {name} on the finest grid"))
        elif ladder.fit.rises_towards(order):
            rate = ladder.fit.pairwise[-1]
            measurements.append(at_least(f"order of {name}, still rising", rate, INCONSISTENT_BELOW))
        else:
            measurements.append(at_least(f"order of {name}", ladder.fit.slope, order - ORDER_MARGIN))
    return tuple(measurements)


def _within_tolerance(layer: LayerUnderTest, problem: Problem, loss: Loss) -> tuple[Measurement, ...]:
    def error(tol: float) -> float:
        errors = gradient_errors(layer, problem, tol, loss)
        return float(np.max([errors[group] for group in loss.groups(problem)]))

    name = "error of the gradient" if loss is OF_ALL else f"error of the gradient of {loss.name}"
    return follows_tolerance(name, layer, problem, error, with_gradient=True)
