"""Every number that was chosen by hand, with its unit and where it comes from."""

from __future__ import annotations

import numpy as np

EPS = float(np.finfo(np.float64).eps)
EPS_FLOAT32 = float(np.finfo(np.float32).eps)

# A fitted slope half-way to the next integer order would be attributed to the other order.  Right Euler, Heun
# and RK4 layers stay within 0.13 of their order on the suite, so the margin is four times the spread.
ORDER_MARGIN = 0.5
# Our own solver of the same order must show it this clearly, or the problem is not asymptotic on this ladder.
CONTROL_MARGIN = 0.2
# From order five on the error meets rounding before its slope has settled this well; half-way to the next
# integer is still told apart, since a bug costs a whole order.
HIGH_ORDER = 5
# Published methods go up to order twelve or so: an error that drops faster from one level to the next is not
# that of a method, but of a layer that does something else on some grids.
HIGHEST_ORDER = 12
# An error E above a floor F fits with a slope that is off by at most log2(1 + F/E): 0.05 at a factor of 30.
FLOOR_FACTOR = 30.0
# Order 1 leaves an asymptotic window if successive slopes agree within the margin that separates two orders.
MINIMUM_LEVELS = 3
# An error that does not shrink has slope 0, the slowest consistent method slope 1.
INCONSISTENT_BELOW = 0.5
# scipy.differentiate reports errors up to 2 times too small; 10 leaves room for a sum over a few components.
REPORTED_ERROR_FACTOR = 10.0
# Two classes of gradient are told apart only where they differ by this many bounds.
SEPARATION = 100.0
# Each elementary operation rounds by eps/2 of its result; a step has some ten of them in sequence.
ROUNDINGS_PER_STEP = 8.0
# The weights of a method may cancel, and amplify what is rounded: their absolute values add up to 13 in
# Dormand and Prince's method of order eight, to 28 where four Euler grids are extrapolated.
LARGEST_WEIGHTS = 32.0
# Global error of a method of order p under local error control is tol^(p/(p+1)), so error/tol grows like
# tol^(-1/(p+1)): exponent at most 1/2 (p = 1).  An error that no longer shrinks has exponent 1.
GROWTH_OF_LOWEST_ORDER = 0.5
GROWTH_OF_PLATEAU = 1.0
MAXIMUM_GROWTH = (GROWTH_OF_LOWEST_ORDER + GROWTH_OF_PLATEAU) / 2
# A tolerance bounds the local error; over an interval of a few time scales the global error is larger by the
# number of steps times the growth of errors, which on the suite stays below this.
TOLERANCE_FACTOR = 100.0
