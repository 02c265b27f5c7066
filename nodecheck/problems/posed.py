"""Problems of the suite in another setting: time backwards, output times, a state at rest."""

from __future__ import annotations

import numpy as np

from nodecheck.problems.linear import constant
from nodecheck.problems.neural import neural
from nodecheck.problems.nonlinear import cubic
from nodecheck.problems.oscillators import time_linear
from nodecheck.problems.problem import Problem

# A quarter of the interval, from its end back: there our own solvers of order one to five show their order
# for every group, or are exact to rounding.  On half of it that of order five shows it for one group, on all
# of it others do not.
neural_reversed_quarter = neural.with_interval(neural.t1, neural.t1 - neural.duration / 4).replace(
    name="neural_reversed_quarter"
)

# The two halves of the interval, one of them backwards: there our own solvers of order one to five show their
# order for the derivatives with respect to both ends, by either adjoint; on all of it some do not.  The field
# depends on time more than on a quarter.
neural_half = neural.with_interval(neural.t0, neural.t0 + neural.duration / 2).replace(name="neural_half")
neural_reversed_half = neural.with_interval(neural.t1, neural.t1 - neural.duration / 2).replace(
    name="neural_reversed_half"
)
# The first quarter of the interval.  Over all of it second derivatives are a hundred times the first ones,
# and our own solvers show their orders late.
neural_quarter = neural.with_interval(neural.t0, neural.t0 + neural.duration / 4).replace(
    name="neural_quarter",
    reveals="second derivatives that are dropped or wrong: the field is nonlinear in state and parameters",
)

# Two members at rest beside two of which one component moves, as mirror images: an error norm that looks at
# the first member or component, at the smallest error, or at a signed mean sees nothing of the motion.
uneven = cubic(5.0).replace(name="uneven", y0=np.array([[0.0, 0.0], [0.0, -1.0], [0.0, 1.0], [0.0, 0.0]]))

# The same with the components swapped, for a norm that looks at the last ones.
uneven_mirrored = uneven.replace(name="uneven_mirrored", y0=uneven.y0[:, ::-1])

# The state is at rest and no parameter has an effect, but the adjoint turns once around while it is carried
# back: only a step control that looks at the adjoint sees that there is something to resolve.
at_rest = time_linear.replace(
    name="at_rest",
    y0=np.zeros_like(time_linear.y0),
    params={**time_linear.params, "omega": np.array(4.5)},
    reveals="a step control of the backward pass that looks at the state and the parameters alone",
    blind_to="everything about the state and the parameters: both have nothing to resolve; backpropagation",
)

# Output times.  At the first, a step of every even number of steps ends; the others lie between steps, two of
# them close together.  Of a step, a third or two thirds lie before them, and after doubling the steps two
# thirds or a third: so the error of an interpolation is that of the same places on every level of a ladder.
_SHARES = (1 / 8, 5 / 12, 5 / 12 + 1e-4, 17 / 24)


def at_usual_outputs(problem: Problem) -> Problem:
    """Return a problem with these output times, under its own name."""
    return problem.at_shares(*_SHARES, name=problem.name)


neural_at_outputs = neural.at_shares(*_SHARES, name="neural_at_outputs")
neural_reversed_at_outputs = neural.reversed().at_shares(*_SHARES, name="neural_reversed_at_outputs")
quarter_reversed_at_outputs = neural_reversed_quarter.at_shares(*_SHARES, name="quarter_reversed_at_outputs")
half_reversed_at_outputs = neural_reversed_half.at_shares(*_SHARES, name="half_reversed_at_outputs")
constant_at_outputs = constant.at_shares(*_SHARES, name="constant_at_outputs")
constant_reversed_at_outputs = constant.reversed().at_shares(*_SHARES, name="constant_reversed_at_outputs")
