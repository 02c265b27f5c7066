"""Problems of the suite in another setting: another direction of time, another unit, an uneven batch."""

from __future__ import annotations

import numpy as np

from nodecheck.problems.neural import neural
from nodecheck.problems.nonlinear import cubic

# A quarter of the interval, from its end back: there our own solvers of order one to five show their order
# for every group, or are exact to rounding.  On half of it that of order five shows it for one group, on all
# of it others do not.
neural_reversed_quarter = neural.with_interval(neural.t1, neural.t1 - neural.duration / 4).replace(
    name="neural_reversed_quarter"
)

# Two members at rest beside two of which one component moves, as mirror images: an error norm that looks at
# the first member or component, at the smallest error, or at a signed mean sees nothing of the motion.
uneven = cubic(5.0).replace(name="uneven", y0=np.array([[0.0, 0.0], [0.0, -1.0], [0.0, 1.0], [0.0, 0.0]]))
