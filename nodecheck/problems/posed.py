"""Problems of the suite in another setting: another direction of time, an uneven batch, a state at rest."""

from __future__ import annotations

import numpy as np

from nodecheck.problems.neural import neural
from nodecheck.problems.nonlinear import cubic
from nodecheck.problems.oscillators import time_linear

# A quarter of the interval, from its end back: there our own solvers of order one to five show their order
# for every group, or are exact to rounding.  On half of it that of order five shows it for one group, on all
# of it others do not.
neural_reversed_quarter = neural.with_interval(neural.t1, neural.t1 - neural.duration / 4).replace(
    name="neural_reversed_quarter"
)

# Two members at rest beside two of which one component moves, as mirror images: an error norm that looks at
# the first member or component, at the smallest error, or at a signed mean sees nothing of the motion.
uneven = cubic(5.0).replace(name="uneven", y0=np.array([[0.0, 0.0], [0.0, -1.0], [0.0, 1.0], [0.0, 0.0]]))

# The state is at rest and no parameter has an effect, but the adjoint turns once around while it is carried
# back: only a step control that looks at the adjoint sees that there is something to resolve.
at_rest = time_linear.replace(
    name="at_rest",
    y0=np.zeros_like(time_linear.y0),
    params={**time_linear.params, "omega": np.array(4.5)},
    reveals="a step control of the backward pass that looks at the state and the parameters alone",
    blind_to="everything about the state and the parameters: both have nothing to resolve; backpropagation",
)
