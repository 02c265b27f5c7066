"""Every number that was chosen by hand, with its unit and where it comes from."""

from __future__ import annotations

import math

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
# In a narrow dtype, whose bound is ten to thirty times what was measured of right layers (2e-5 of the
# derivative at most in float32), by this many.
SEPARATION_IN_NARROW_DTYPES = 30.0
# Each elementary operation rounds by eps/2 of its result; a step has some ten of them in sequence.
ROUNDINGS_PER_STEP = 8.0
# Terms of the longest sum in one evaluation of a problem of a check, or in its derivatives: over the state,
# a hidden layer or the batch (held by tests/numerics/test_sums_in_another_order.py).
LONGEST_SUM = 48
# Units in the last place by which exp, tanh, sin and cos of two devices may differ; one each (CUDA C++
# Programming Guide, "Mathematical Functions": at most 2 ulp in double precision, and as good on a CPU).
FUNCTIONS_OF_ANOTHER_DEVICE = 4.0
# A sum of n terms errs by at most (n - 1) eps/2 of their absolute values in any order (Higham 2002, sec.
# 4.2), and a fused multiplication rounds once less.  So two devices differ by this much where one of them may
# err by `ROUNDINGS_PER_STEP` eps: a factor of its bound, asked of layers that do not run on the CPU.
SUMS_IN_ANOTHER_ORDER = 1 + (LONGEST_SUM + FUNCTIONS_OF_ANOTHER_DEVICE) / ROUNDINGS_PER_STEP
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

# Layers on a device (held by tests/checks/test_device.py).
# Waits of the host: a controller of the step size has to read whether a step is accepted.
WAITS_PER_STEP = 1.0
# Units of rounding of float16 or bfloat16 in y1 or a gradient under autocast.  Measured with autocast on a
# CPU: five at most for right layers that take steps, 51 where an iteration ends at another residual.  What is
# lost is off by 256 units of bfloat16, and 2048 of float16.
AUTOCAST_ROUNDINGS = 64.0

# Refinement ladders and cotangents (held by tests/layers/test_under_test.py,
# tests/problems/test_problems.py). Steps at the coarsest level of a ladder.
LADDER_START = 8
# Methods of order six and more reach the floor of rounding early: their ladder starts coarser.
LADDER_START_OF_HIGH_ORDER = 4
LADDER_STARTS_COARSER_FROM = 6
# From order three on the errors of the finest level are near rounding, and the coarser ones asymptotic: one
# level less is enough, but no fewer than four levels.
FAST_ORDER = 3
FEWEST_LEVELS_OF_FAST_ORDER = 4
# Levels that a ladder may be extended by until its slope has settled; each doubles the cost.
MOST_EXTRA_LEVELS = 2
# Steps at the coarsest level from order three on in a dtype of less precision than float64: the errors of
# finer levels are at its rounding.
LADDER_START_IN_NARROW_DTYPES = 4
# Rounding error after n steps over the root of n eps, in RMS.  Measured in float32 with our own solvers of
# order one to five, from eight steps to 128: 0.2 to 0.6 in y1, 0.2 to 1 in gradients; ten times as much
# (FLOOR_FACTOR is thirty) leaves a slope that is off by 0.14 at most.
USUAL_ROUNDING = 1 / 3
# Steps of the ladder for an order so high that the usual ladder is at rounding.
COARSE_LADDER = (2, 4, 8, 16)
# Cotangents are multiples of 1/63: float32 represents none of them but whole numbers.
COTANGENT_UNIT = 63
# A tolerance sweep starts at 10^-3, torchdiffeq's coarsest documented example.
LOOSEST_DECADE = 3
# In a narrow dtype, where it ends early.
LOOSEST_DECADE_IN_NARROW_DTYPES = 2
# Tolerances that the sweeps of all profiles have in common: errors are compared from run to run at the last.
COMMON_TOLERANCES = 3

# Memory (held by tests/measure/memory/*.py and tests/checks/memory/test_memory.py).
# Components of the two states: of 2 kB and 4 kB with two members, multiples of the 512 bytes to which CUDA
# rounds, and small enough that 10 000 steps of backpropagation fit into one gigabyte.
MEMORY_WIDTHS = (128, 256)
# Those of layers that return a log-determinant: an exact trace costs one product with the Jacobian for each
# component, and each is watched.
LOG_DET_MEMORY_WIDTHS = (2, 4)
# Steps.  Squares: a scheme with √n segments of √n steps then has no segment that is shorter than the others,
# and its counts no jitter.  For adaptive layers the same numbers are lengths of the interval, in units of the
# time that takes the layer EVALUATIONS_PER_LEVEL evaluations: with this every layer costs about the same.
MEMORY_LADDER = (4, 9, 16, 25, 36, 64, 100, 144, 256, 576, 1296, 2304, 5184, 10_000)
# For the smoke profile: on these levels √n rises by five, and a law between log n and n is still told apart
# by counts that rise by a few states.
SHORT_MEMORY_LADDER = (1, 4, 9, 16, 25, 36)
# For fixed-step layers that return a log-determinant, below `full`: from two steps on, one follows another.
LOG_DET_MEMORY_LADDER = (2, 4, 9, 16, 25, 36)
EVALUATIONS_PER_LEVEL = 1.5
# Tolerance: steps must follow from the length of the interval; their places do not matter.
MEMORY_TOLERANCE = 10.0**-3
# Evaluations of a fixed-step layer that take as long as one of an adaptive layer: error estimate, control of
# the step, interpolation.
COST_OF_ADAPTIVITY = 2
# Steps for that which is kept once for each pass; two have one that follows another.
FEW_STEPS_OF_A_PASS = 2
# Steps until a controller has settled; steps are rejected only until then, so levels start behind.
START_UP_STEPS = 4
# Lengths of two intervals, of one turn and of two, that say how many evaluations a unit of time takes.
PILOT_INTERVALS = (2 * math.pi, 4 * math.pi)
# Levels at which a narrow pass is always measured: two make a line, a third shows if it is one.
MEASURED_NARROW_LEVELS = 3
# Numbers that a layer may keep for each evaluation besides states: time grids, differences of them, and their
# temporaries.
FEW_NUMBERS_PER_EVALUATION = 64
BYTES_OF_A_NUMBER = 8
# Level of the ladder up to which NumPy arrays are looked for: where only one is kept for √n steps, the count
# rises by three.
SCREENED_LEVELS = 4
# Levels of the ladder of `nodecheck memory`, ends included.
LEVELS_OF_A_LADDER = 10
# Uses of one layer over which a leak is fitted, and those before that are not counted.
LEAK_USES = 10
LEAK_WARM_UP_USES = 5
# Part of the time limit of a check that a ladder of passes may take.  The forecast is the least that may
# come, a cost that grows like the square takes about twice as long, and arrays are counted after it.
SHARE_OF_TIME_LIMIT = 1 / 3
# Burnham & Anderson (2002), sec. 2.6: a model more than 10 units of AICc behind has essentially no support.
DECISIVE_AICC = 10.0
# Steps, and output times, by which the states that an output costs are told from those that a step costs.
# The outputs divide the interval evenly, and so do the steps between them: no step is added.  Of 44 right
# layers an output costs 0 to 12 states, and at more steps no more; solved for from t0 anew, it costs 190 and
# 770 (Runge-Kutta of order four).
OUTPUT_MEMORY_STEPS, OUTPUT_MEMORY_TIMES = (16, 64), (2, 9)
# Counts are whole states, and a scheme with segments rounds their number: a residual or a rise of one state
# says nothing about growth.
FLOOR_IN_STATES = 1.0
# AICc divides by the number of points less that of parameters (slope, intercept, variance) less 1; six points
# are the fewest that leave a straight line fewer than twenty units of penalty.
FEWEST_GROWTH_LEVELS = 6
# Exponent of the cost: per step it may grow like log n (Griewank's binomial checkpointing) but not like n, so
# half-way in between.
FASTEST_COST = 1.5
# Components of the state of which seconds are measured: an evaluation of its field takes a quarter of a
# millisecond, fifty times the time that Python and torch need to call an operator.
SECONDS_WIDTH = 4096
# Components on the way there: a cost that grows like the square or the cube of the width is seen in time.
SECONDS_PILOT_WIDTHS = (128, 512, 1024)
# An odd number of repetitions: the median of three withstands one disturbance.
SECONDS_REPEATS = 3
# Part of the time limit for seconds: they are a fact that is not judged.
SHARE_FOR_SECONDS = 1 / 24
# Steps at which fresh processes are measured: backpropagation through RK4 keeps two dozen states a step, one
# gigabyte at the end.
PROCESS_LEVELS = (16, 25, 36, 49, 64, 81)
# Components for each of two members: half a mebibyte a state, beside which Python's objects are small.
PROCESS_WIDTH = 32_768
# Risk of calling one layer odd where nothing but noise is seen.
WITNESS_RISK = 1e-3

# Derivatives of the layer's own forward map (held by tests/measure/test_own_derivative.py).
# Steps: few, because there the two classes of gradient are furthest apart and rounding is smallest.  A prime
# above four: a layer that works in segments has a second one, and an incomplete one.
FEW_STEPS = 7
# The same in a dtype of less precision than float64: there the classes differ by 100 bounds only in so few.
# Two segments of two steps, the second one incomplete.
FEW_STEPS_IN_NARROW_DTYPES = 3
# Initial step of scipy.differentiate, relative to the size of the group: its default of 0.5 leaves errors of
# 1e-8.
DIFFERENCE_STEP = 0.01
# The same in a dtype of less precision than float64, where the default is what rounding asks for.
DIFFERENCE_STEP_IN_NARROW_DTYPES = 0.5
# Power of eps that is their tolerance there: 2e-5 in float32, a few times what they round away.
DIFFERENCE_POWER_IN_NARROW_DTYPES = 2 / 3
# Distances of the Taylor test, relative to the groups.
TAYLOR_DISTANCES = tuple(0.1 * 2.0**-k for k in range(6))
# Rate of the Taylor remainder: 2 for the derivative of the forward map, 1 for anything else; half-way.
TAYLOR_THRESHOLD = 1.5
# Distances at the fine end over which the rate is fitted.
TAYLOR_FITTED = 3

# Second derivatives (held by tests/reference/test_second_derivatives.py, tests/checks/test_second_order.py).
# Change of an entry, in RMS, at the coarsest of the difference quotients of exact gradients, and their
# number, each with half the change of the one before.  Measured on a quarter of the network: the last column
# of the extrapolation changes the quotient by 3e-13 to 1e-9 of its size, and is right to 1e-13.
SECOND_DIFFERENCE_STEP, SECOND_DIFFERENCE_LEVELS = 0.004, 4
# Levels of the ladder for second derivatives, from order three on one less; tolerances at the loose end of a
# sweep.  What is wrong is as large as what there is.
SECOND_ORDER_LEVELS, SECOND_ORDER_TOLERANCES = 4, 5
# Cost of a pass that is differentiated twice, in passes with a gradient.
SECOND_ORDER_COST = 4

# Adaptive layers (held by tests/measure/test_tolerance.py and tests/checks/tolerance/*.py).
# Tolerances in a sweep.  The exponent of error/tol is told from that of a plateau by a quarter: over three
# decades an error that jumps by a factor of five does not hide it, over two decades one that jumps by three.
ENOUGH_TOLERANCES, ENOUGH_TOLERANCES_IF_SMOOTH = 4, 3
# Evaluations at the loosest tolerance.  The error jumps because steps are whole: with N of them by (1 +
# 1/N)^p. A method of order p makes at least p evaluations a step; so many keep the jump below three, up to
# order four. Methods of higher order become dear only later.
MANY_EVALUATIONS = 20
# Factor by which evaluations must rise before an order is read off them: steps are whole.
CLEAR_RISE = 2.5
# Factor by which an error shrinks at least over a sweep of a tolerance that has an effect: the sweep has six
# decades, and half a digit over all of them is none.
NO_EFFECT = 2.0
# Orders lost without local extrapolation, or by an interpolation of one degree less.
ORDERS_LOST = 1
# Order from which SciPy's pair of orders five and four is the nearer one to a method, and not that of three
# and two.
SCIPY_PAIRS = 4
# Factor of an error over that of a right method of its order.  Measured: ten at most for right layers of
# torchdiffeq, torchode, torchdyn and tests/samples, and 29 for torchdiffeq's bosh3, which loses order in its
# last step; 76 and more where that step ends in a cubic or in a quadrature of its stages.
LARGEST_EXCESS = 45.0
# Tolerances that a sweep may be extended by.
MOST_EXTRA_TOLERANCES = 2
# Factor: a state that is more exact may take a step or two more; the tolerance itself asks for several times
# as many.
HARDLY_MORE = 1.25
# Highest power of t: embedded pairs up to order seven see nothing of t^6 or less; interpolants are of degree
# four, mostly.
HIGHEST_POWER = 6
# Exponent of evaluations against the tolerance for order four, with a margin of half an order: from there on
# they grow so much more slowly than those of the lowest order that both are told apart.
GROWTH_OF_ORDER_FOUR = 1 / 3.5
# Stages of a step: the longest published pairs have 17 or so.
MOST_STAGES = 20
# Factor of evaluations after which a pass is stopped: no way of using a layer makes the equation harder, so
# what takes so many times as long goes on for ever.
RUNAWAY_FACTOR = 20
# Tolerance for a rotation over many turns: turned less accurately it grows or shrinks to nothing on the way.
ROTATION_TOLERANCE = 1e-4
# Share of the evaluations of the last tolerance of a sweep; a backward pass costs several forward ones.
LONG_SHARE_FORWARD, LONG_SHARE_WITH_BACKWARD = 1.0, 0.6
# Evaluations on a long interval: few limits allow more, and errors add up.
MOST_LONG_EVALUATIONS = 10_000
# Turns that say how many evaluations a turn takes; the longer one where that is not many.
SHORT_TURNS, LONGER_TURNS, MANY_PER_TURN = 0.5, 2.0, 200
# Evaluations without which there is no gap of so many mean ones.
FEWEST_LONG_EVALUATIONS = 2 * MOST_STAGES
# Time of a sudden change: no simple fraction of the interval, as steps that lie symmetrically about it cancel
# their errors.
SWITCH_TIME = 0.93
# Time that a sudden change takes: so short that a step which sees nothing of it before it is there is a
# thousand times longer, and still long enough for the steps that the tolerances ask for.
SWITCH_DURATION = 5e-4
# Tolerances: steps before the change do not know the tolerance, and their ends are chance, so an error that
# does not follow it jumps by a factor of ten or more.  Over four decades that is no slope.
SWITCH_TOLERANCES = (1e-4, 1e-6, 1e-8)
# Durations of the change within which an evaluation is near it.
NEAR_SWITCH = 10

# Identities (held by tests/checks/test_every_check.py and tests/checks/test_right_layers.py).
# Tolerance at which adaptive layers are asked for an identity.
IDENTITY_TOLERANCE = 1e-6
# Steps: odd, because some layers treat the last step apart.
POWER_STEPS = 7
# Powers of t whose means over the steps are taken: a shift of the times changes the first, a distortion that
# is symmetric about the middle of the interval the second alone.
TOLD_POWERS = (1, 2)
# Part of a gradient that is allowed to be missing for another cotangent, at most: of one that is clipped or
# cut off nothing is left, beside a scale of COTANGENT_SCALE.
LEFT_OF_LIMITED = 0.5
# Steps on a constant field: few enough that one step more or less is plain to see.
CONSTANT_STEPS = 16
# Steps that a multiple may be off by: by more it is a factor, and no step too many.
FEW_WRONG_STEPS = 2
# Tolerances: float32 rounding stays at 1e-8; as many as an exponent needs.
TIGHTER_TOLERANCES = (1e-6, 1e-8, 1e-10)
# Ends of an interval without short binary fractions: 1/10 + (2/3) i/n is one for no n that 5 does not divide,
# since 5 then divides its denominator.  An adaptive layer starts with a step of some eighth or hundredth.
DECIMAL_INTERVAL = (0.1, 0.1 + 2 / 3)
DECIMAL_STEPS = 7
# Share of times that float32 represents: half of those on a binary grid.
FLOAT32_SHARE = 0.5
# Units of float32 rounding by which coefficients that are rounded to float32 err at most.
FLOAT32_ROUNDINGS = 16.0
# Relative error of times, coefficients or states that are rounded to float32, at most: a smaller one shows no
# other equation, and by itself no float32 either.
FLOAT32_ERROR = FLOAT32_ROUNDINGS * EPS_FLOAT32
# Relative distance at which two multiples are the same: rounding of float32, a thousand times.
SAME_MULTIPLE = 1e3 * EPS_FLOAT32
# Factor between elapsed times of components that have one cause.
ALIKE = 1e-3
# Factor between the errors at two numbers of steps where something begins to be wrong: three orders.
JUMP = 8.0
# Factor of an error at an odd number of steps over that at half as many: 2^p for p = 1.
ODD_MARGIN = 2.0
# Factor of a Richardson estimate: it is right to first order in h, and errs by less than half where
# asymptotic.
ESTIMATE_MARGIN = 2.0
# Parts of the interval at which a trajectory is compared; each costs a ladder of its own.
TRAJECTORY_PARTS = (0.5, 1.0)
# Levels from which a discretisation error is estimated: four give three changes and two orders.
ESTIMATE_LEVELS = 4
# Factor by which losses are scaled in mixed precision; a power of two rounds nothing.
COTANGENT_SCALE = 2.0**13

# Other units (held by tests/checks/invariance/test_units.py).
# Times, shifts, units and steps of 3/8 are binary fractions: grids are exact, wherever they lie.  The shifts
# put the interval before zero, across zero, late, and very late; powers of two scale exactly.
UNITS_INTERVAL = (0.25, 1.75)
TIME_SHIFTS = (-2.5, -0.5, 40.0, 2.0**17)
# A late start, as in seconds after twelve days.  The spacing of float32 is 1/16 there, a sixth of a step of
# 0.35; that of float64 is 1.2e-10, far below the rounding of a float32 state.
LATE_START = 1e6
TIME_UNIT = 8.0
STATE_UNIT = 1024.0
# Relative and absolute tolerance of a layer that takes both, loose and tight, and the evaluations at the
# loose ones up to which the tight ones are used: three steps more at the beginning are few then, and an
# estimate of the first step need not scale.  State, parameters and absolute tolerance are multiplied by a
# power of two, so that a right layer takes the same steps bit for bit: every method of torchdiffeq, torchode
# and torchdyn does, in both passes.  A tolerance that does not scale is off by a thousand at least in one of
# the two directions, for which a method of order 8 takes 2.4 times as many or few steps (held by
# tests/checks/tolerance/test_both.py: at most 1.1, with other first steps too, beside 2.1 and more).
BOTH_TOLERANCES = ((1e-4, 1e-6), (1e-6, 1e-8))
FEW_EVALUATIONS_OF_BOTH = 150
TOLERANCE_UNIT = 2.0**20
MOST_WORK_IN_OTHER_UNITS = 1.4
# A tolerance that counts for nothing beside the other, and loose and tight values of that other one.
NEGLIGIBLE_TOLERANCE = 1e-12
LOOSE_AND_TIGHT = (1e-2, 1e-5)
# Factors of parameters and of y0 between two uses, as a step of training changes them.
TRAINED_FACTORS = (0.875, 0.75)
# Steps of a layer that is asked at which half of the interval a gradient arrives, and the part that may
# arrive at the wrong one (held by tests/checks/invariance/test_modules.py).  A step across the middle
# misplaces what belongs to it: in four steps a right layer of order one up to 0.65 of the larger half, so in
# 64 steps 0.04; right adaptive layers up to 0.045.  The bound is half of a quarter.  Over a smooth motion of
# second order dopri5 takes five steps at the usual tolerance, and misplaces 0.19; at 1e-8 it is 0.05.
TURN_STEPS = 64
LARGEST_MISPLACED_SHARE = 1 / 8
# An interval apart from the one of the problem, of the same kind: for arguments that have no effect.
ELSEWHERE = (-0.6, 0.1)

# Resolutions of checks that ask for no accuracy.
# Steps of a layer that is only used.
USUAL_STEPS = 4
# Steps of a pass that has to run, and of the times that are looked at.
ORDINARY_STEPS = 16
# Steps of a pass whose gradient has to arrive, and of a batch.
BATCH_STEPS = 8
USUAL_TOLERANCE = 1e-3
# Tolerance of comparisons between two uses.
COMPARED_TOLERANCE = 1e-4
COMPARED_SWEEP = (1e-3, 1e-4, 1e-5)
# Graphs that torch.compile makes of one frame before it runs it as it is (its own limit is 8): the first for
# the numbers of the first call, the second for any.  Our adaptive layers take 5 s in place of 17.
MOST_GRAPHS_OF_A_FRAME = 2
# Steps, and fewer of them, by which the adapter is tried.
ADAPTER_STEPS, FEWER_ADAPTER_STEPS = 16, 8
# Tolerances by which it is tried; the tightest only where the others make no difference.
ADAPTER_TOLERANCES = (1e-3, 1e-4, 1e-6)
# Resolutions that mean something as step sizes: 12, 23 and 45 steps, or 11, 22 and 44, of the interval 1.4.
STEP_SIZES = (0.125, 0.0625, 0.03125)
# Factor of evaluations for half the step: twice, less a shorter last step and a start; 45/23 at least.
TWICE_THE_EVALUATIONS = 1.75
# Examples that Hypothesis draws of what an adaptive layer has to solve; each costs many evaluations.
FEW_EXAMPLES = 3
# Part of the examples of a profile for pairs of cotangents: each pair costs three passes.
SHARE_OF_EXAMPLES = 1 / 5
# Seconds for shrinking a counterexample: it may run a failing layer thousands of times, and a simple enough
# example is found sooner.
SHRINKING_SECONDS = 2.0

# References and our own solver.
# References (held by tests/reference/*.py and tests/problems/test_problems.py).
# Imaginary step of a derivative by complex step: its square is far below eps, nothing underflows, and a
# division by a power of two is exact.
COMPLEX_STEP = 2.0**-100
# Tolerance, relative and absolute.  SciPy replaces one below 100 eps = 2.2e-14; nearer to that than this,
# rounding in the control of the step size costs many steps and gains nothing.
TIGHTEST_RTOL = 5e-14
# Relative and absolute tolerance of Radau.  Its order is 5: each further digit costs 1.6 times the steps, and
# full precision would cost seconds.
RADAU_RTOL = 1e-9
# Relative error.  Two routes may agree by chance, but the last operations of either still round.
SMALLEST_REFERENCE_RTOL = 8 * EPS
# Units of eps by which entries of a constant Jacobian may differ: a field has a few dozen operations.
AFFINE_ROUNDINGS = 64.0
# Problems of which references are kept.  Measured: a run of one layer in the ci profile has 27, and 17 more
# for second derivatives.
CACHED_REFERENCES = 256
# Numbers in the state of the equations for all exact derivatives of a module of the user's own.  Measured on
# one core: 18 thousand (a convolution, 3 members of 32 components, 158 parameters) take 5 s by both routes,
# and time grows with the number (held by tests/problems/test_own_problems.py).
LARGEST_OWN_SENSITIVITY = 200_000
# Relative change.  A property of a field counts as present if its absence would change the gradient by more.
# A layer on a usable grid is within 1 % or so of the exact gradient: such a bug stands ten times above that.
FEATURE_CHANGE = 0.1
# Times at which a field is examined, both ends included.  One oscillation has fewer zeros, and an odd number
# has the middle among them.
FEATURE_SAMPLES = 9
# Time limits of checks on a user's own field, in those of the suite: a call of a small network takes several
# times that of a formula (held by tests/runner/test_own_problems_in_runs.py).
OWN_FIELDS_TAKE = 4.0
# Numbers of intervals over which the change of the Jacobian of a user's module is looked at: from one to the
# next the largest change is halved, or stays where the Jacobian jumps; the ratio is half-way.  A change below
# the smallest jump is none: what it does to an error is below that of any grid.
SMOOTH_SAMPLES = (32, 64, 128, 256)
SMOOTH_RATIO = 0.75
SMALLEST_JUMP = 1e-6
# Size of a group's gradient relative to the largest, below which the group is not judged: rounding and
# truncation that come from the large groups would appear in it as errors of its own.
SMALLEST_WEIGHT = 1e-3

# Our own solver (held by tests/neural_ode/*.py).
# Steps of an `ODELayer` that is given no number: explicit Euler is then stable for |J| (t1 - t0) up to 50.
DEFAULT_STEPS = 25
# The part of y that a step of the reversible scheme keeps, lambda of McCallum & Foster (2024): the default of
# the authors' own implementation in diffrax.  Less is more stable forwards, where it damps y - z, and less
# stable backwards, where it is divided by.
REVERSIBLE_COUPLING = 0.999
# Units of eps, relative to the larger end of the interval: a time on the grid was rounded, and so was the one
# before it.
GRID_TIME_ROUNDINGS = 2.0
# Control of the step size, with the numbers of Hairer, Nørsett & Wanner (1993), II.4 and their code DOPRI5.
# Share of the step that the estimate allows, and the factors within which a step size may change.
STEP_SAFETY = 0.9
SMALLEST_CHANGE_OF_STEP = 0.2
LARGEST_CHANGE_OF_STEP = 10.0
# Part by which the last step before an output may be longer, so that no sliver of a step is left.
LAST_STEP_STRETCH = 1.01
# Steps that a solve may try, rejected ones included, where no other limit is given.
MOST_STEPS = 100_000
# The first step changes the state by this share of it; its estimated error is this share of the tolerance.
FIRST_STEP_SHARE = 0.01
# Norm in units of the tolerance below which a state or a slope says nothing of the first step, and its size.
SMALLEST_FIRST_NORM = 1e-5
SMALLEST_FIRST_STEP = 1e-6
# Norm below which nothing changes, and the factor from one guess to the other in that case.
NO_CHANGE = 1e-15
FIRST_STEP_GROWTH = 1e-3

# Targets (held by tests/targets/test_discovery.py).
# Names that an error suggests at most.
MOST_SUGGESTIONS = 3
# Hexadecimal digits of a digest that tell files of the same name apart: 48 bits.
DIGEST_DIGITS = 12

# Diagnosis of gradients.
# Wrong stages of a backward pass (held by tests/diagnosis/gradient/test_stage_states.py).
# Stages whose order is permuted in full: 23 wrong orders of four stages, 119 of five.
MOST_PERMUTED_STAGES = 4

# What is limited to a range (held by tests/diagnosis/forward/test_limited.py).
# Time over which y' = y is solved, so the part by which the state grows, and a power of two.  Half of it is
# what the bound that is found may be off.
LIMIT_GROWTH = 2.0**-10
# Part of that growth that must be lost before it is called so: tolerances and rounding to float32 lose less.
# With it two numbers are the same, too.
LIMIT_SHARE = 0.01
# Powers of two at which the state is looked at: a bound outside is reached by no problem of the suite.  The
# largest are for the increment of a step, which the state exceeds by the steps over the growth.
LIMIT_EXPONENTS = range(-10, 21)

# Believed, tied and named hypotheses (held by tests/diagnosis/gradient/test_comparison.py, and by
# test_matcher.py, test_unexplained.py and test_explain_gradient.py beside it).
# Factor by which a hypothesis must be nearer to the observation than the exact gradient is: it then explains
# all but 1/30 of the error.  A direction drawn at random in the space of three numbers (the gradient of a
# scalar for three cotangents) comes that near to a given line in 1 of 1800 draws, to a given point in 1 of
# 27000; larger groups are safer by orders of magnitude.
BELIEVED_IF_NEARER_BY = 30.0
# Factor between two residuals.  If two predictions differ by D and the layer's own error is E, their
# residuals differ by less than a factor of 3 whenever D < 2 E: then the measurement does not separate them.
INSEPARABLE_RESIDUALS = 3.0
# The same as `BELIEVED_IF_NEARER_BY` at the coarse level, whose discretisation error is larger: it need not
# separate as well, but must not disagree.
NEARER_AT_COARSE_LEVEL = 2.0
# Factor by which an error must shrink from a loose to a tight tolerance where neither is known: a method of
# order one halves its error with twice the steps.
CLEAR_SHRINKAGE = 2.0
# Orders tried when extrapolating: the order of a layer under test is not known, only that it is an integer.
EXTRAPOLATED_ORDERS = range(1, 7)
# Relative error.  Differences this small are rounding of a thousand steps (1e3 eps = 2e-13) with a margin of
# 50: no step size or tolerance would change them, so their order is noise and says nothing.
GRADIENT_FLOOR = 1e-11
# Factor of the reference's own error, which is an estimate: a hundred times it is out of its reach.
REFERENCE_ERROR_FACTOR = 100.0
# Relative error.  An expansion in h whose first term is a third of the gradient or more has not begun to
# converge: two such errors may differ by any factor, and the order they seem to have is no evidence.
LARGEST_DISCRETISATION_ERROR = 1 / 3
# Relative error of a right gradient of an adaptive layer at one tolerance only: three digits.
ADAPTIVE_ERROR_LEVEL = 1e-3
# Size given to a group whose exact gradient is zero, relative to the largest group: ten times below
# `GRADIENT_FLOOR`, so that what is not rounding is seen in it.
SMALLEST_GRADIENT_SCALE = 1e-12
# Share of a group's error by which a hypothesis must change the group, or it leaves the group right: half-way
# between all of the error and nothing.
ACCOUNTED_SHARE = 0.5
# Residual, relative to that of the exact gradient, below which a runner-up is worth naming: one that is no
# better than the exact gradient predicts nothing on this problem.
NOTEWORTHY_RUNNER_UP = 0.9
# Share of the error that the nearest hypothesis may leave to be a hint: with a fifth or less it says where to
# look, and no more.
LARGEST_SHARE_FOR_A_HINT = 0.2
# Alternatives, or groups, that one sentence names: more are no diagnosis.
MOST_ALTERNATIVES_NAMED = 3
# Groups of an unexplained gradient of which magnitude and angle are told: more numbers are not read.
MOST_GROUPS_DESCRIBED = 2
# Relative error from which magnitude and angle are told: in three digits and in tenths of a degree a smaller
# one does not show.
SMALLEST_ERROR_DESCRIBED = 1e-3
# Error constants of methods in use, relative to (1/n)^p on intervals of some time scales, lie above this.
SMALLEST_ERROR_CONSTANT = 1e-3
# Steps of an adaptive layer, whose number is not known, at most: each may round by one unit roundoff.
MOST_ADAPTIVE_STEPS = 1000

# Adjoint equations solved by collocation (held by tests/diagnosis/gradient/test_adjoint_solver.py).
# Stages of Gauss collocation, whose order is twice as high: panels of |J| H = 0.5 are exact to about 1e-13,
# far below the error of any layer.
COLLOCATION_STAGES = 5
# Relative and absolute tolerance of the trajectory.  A hypothesis competes with a residual of 1e-8 at best,
# and its own error is up to `TOLERANCE_FACTOR` times the tolerance: a digit below that.
TRAJECTORY_RTOL = 1e-11
# Steps of DOP853, of order eight, that one panel of collocation, of order ten, covers.
STEPS_PER_PANEL = 2
# Panels of a state at rest, on which DOP853 takes one step while the adjoint may still move.
FEWEST_PANELS = 6
# Problems of which trajectory and wrong adjoints are kept: many layers fail on the same problem.
CACHED_ADJOINT_SOLVERS = 8

# Constant factors (held by tests/diagnosis/gradient/test_factors.py).
# Distance of a measured power of h from a whole one: Euler's factors at 32 and 64 steps are within 0.05.
FACTOR_POWER_MARGIN = 0.2
# Power of h that a factor may carry: one for each time that a step is multiplied in by mistake.
HIGHEST_FACTOR_POWER = 3
# Residuals by which a factor may differ from the one it is named after: it errs by about one.
FACTOR_NAME_MARGIN = 3.0
# Relative uncertainty beyond which a factor has no name: names are a few per cent apart (2/3 and 1/1.4).
WIDEST_NAME_MARGIN = 0.05
# Relative distance from one: of a nearer factor four digits say nothing, so its distance is told.
NEAR_ONE_FACTOR = 1e-3
# Change of that distance, relative, between two resolutions up to which two of its digits are told.
TWO_DIGIT_AGREEMENT = 0.02
# Relative difference.  No layer is converged further than this, and no two names are this close by design.
SMALLEST_FACTOR_MARGIN = 1e-6

# Changes of a right gradient (held by tests/diagnosis/gradient/test_group_changes.py and test_relations.py).
# Entries of a group among which some can stand out: among fewer, one outlier is no pattern.
FEWEST_ENTRIES = 4
# Wrong entries that are listed by their indices.
MOST_ENTRIES_LISTED = 4
# Components at an end of the state that may lack a gradient together: two parts of the states of the suite
# are no wider, and every further one is a further hypothesis for all layers.
MOST_COMPONENTS_AT_AN_END = 2
# Entries that are looked for in another order: of more, two are too likely to be alike.
MOST_PERMUTED_ENTRIES = 64
# Entries of each kind, changed and unchanged, that show a limit or a threshold.
FEWEST_CHANGED_ENTRIES = 2
# Relative distance of two entries at the same limit: rounding in a sum of contributions to them.
SAME_LIMIT_RTOL = 1e-9
# Newton's iterations for a factor of the Jacobian: the gradient is nearly linear in it over a time scale.
# With four of them a factor between 0 and 1.5 leaves 2e-7 of the gradient at most, on linear, spiral and
# lotka_volterra; with three of them 1e-3.
FACTOR_NEWTON_STEPS = 4
# Difference quotient of the gradient with respect to that factor, which is of size one: between 1e-9 and 1e-3
# it makes no difference to the above.
FACTOR_DIFFERENCE = 1e-6
# Factor beyond which the adjoint is an exponential of a multiple of J: no layer would be that wrong.
LARGEST_JACOBIAN_FACTOR = 4.0

# Experiments with other cotangents (held by tests/diagnosis/gradient/test_experiments.py).  Cotangents are
# multiplied and divided by `COTANGENT_SCALE`: at one end or the other a limit or a threshold shows.
# Relative change of a gradient that is linear in the cotangent: rounding, with four digits to spare.
LINEARITY_RTOL = 1e-9

# Elapsed time and formats (held by tests/diagnosis/forward/test_explain_elapsed.py and
# tests/numerics/test_formats.py).
# Distance of a number of steps from a whole one: the rounding of a float32 grid of a thousand steps.
WHOLE_STEPS_MARGIN = 0.02
# Significant digits of a time in a sentence, where fewer do not tell it from the right one.
TIME_DIGITS = 5
# Decimals to which a step may be rounded by hand, for a name or a log: more are not told from rounding.
MOST_STEP_DECIMALS = 10
# Different magnitudes from which a format is recognised: zeros, signs and the ends of a clipped range are
# numbers of every format; that many others are no accident.
FEWEST_FORMAT_VALUES = 3

# Error of a gradient over that of the state, or over the tolerance, at the tight end of a sweep: at most 650
# for right layers (torchdiffeq's adjoint of dopri8 on a state at rest; 190 by backpropagation), and from 2700
# on where the backward pass has the square root of the tolerance (held by tests/mutants).  Our own adaptive
# layer at equal tolerance is no sharper yardstick: 1060 at most for right layers, and from 3400 on.
LARGEST_GRADIENT_EXCESS = 2000.0

# Output times (held by tests/checks/outputs).
# Output times that must do as well as a few, and the steps for them: more than outputs.
MANY_OUTPUTS, STEPS_FOR_MANY_OUTPUTS = 100, 128
# Where in the gaps of a grid further output times lie, and the power of the shares: denser at the start.
OUTPUT_OFFSET, OUTPUT_POWER = 0.3, 1.5
# Shares of the interval of output times that are far from each other, for causes.
SEPARATE_SHARES = (0.25, 0.5, 0.75)
# Distance of two times that are one, over the interval: four times the eps of float32.
NO_OTHER_TIME = 4 * 2.0**-23
# A place on a grid, in steps, is a whole number up to this: rounding of a time over a step.
WHOLE_STEP = 1e-9
# Part of the interval by which times are moved for a central difference: there the square of the step is as
# large as rounding over the step.
TIME_DIFFERENCE_STEP = EPS ** (1 / 3)
# Boole's rule: shares of an interval, and weights of a mean over it (Abramowitz & Stegun, 1964, 25.4.14).
BOOLE_NODES = (0.0, 0.25, 0.5, 0.75, 1.0)
BOOLE_WEIGHTS = (7 / 90, 32 / 90, 12 / 90, 32 / 90, 7 / 90)
# Cotangents by which the weights of the outputs are fitted: two, so that no group is too small for them.
JUMP_COTANGENTS = 2
# Weights of a cotangent are whole numbers, and the discretisation error of the methods of order one is below
# a tenth on the third level of the ladder: so much may be left over, and so much is no weight.
CLEAR_JUMP, EXPLAINED_SHARE = 0.1, 0.1

# Log-determinants (held by tests/checks/log_det).
# Seeds over which an estimate is averaged, and the steps of each solve: on a linear field any number of them
# is exact, so only the noise is left.
NOISE_SEEDS, NOISE_STEPS = 64, 2
# Standard errors by which the mean of an estimate may be off.  A right one is off by more once in 200 000
# layers (Student's t with 63 degrees of freedom, both sides).
NOISE_STANDARD_ERRORS = 5.0
# Weights of the Jacobian's entries, which are whole numbers, ±1, or averages of such: so near is the same.
CLEAR_WEIGHT = 0.05
# Share of an error of l that a cause may leave over.
LOG_DET_LEFT_OVER = 0.1

# Drawn inputs and what is looked for among results (held by the tests of `measure/` and `checks/`).
# Drawn constant fields: at most so many components and members, starts and durations in eighths, steps.
DRAWN_COMPONENTS, DRAWN_MEMBERS = 4, 5
DRAWN_START, DRAWN_DURATION = 16, 24
DRAWN_STEPS = (2, 12)
# Denominator of drawn numbers: short, and exact in every dtype.
DRAWN_DENOMINATOR = 8
# Distance of neighbouring initial states, in units of rounding, and the number by which its seed differs.
NEIGHBOUR_ROUNDINGS, NEIGHBOUR_SALT = 8.0, 200
# The second difference a - 2 b + c of numbers with errors of one size in RMS has this many times that size.
NOISE_OF_SECOND_DIFFERENCE = math.sqrt(6)
# Number by which the seeds of directions differ from those of cotangents.
DIRECTION_SALT = 100
# Levels of a ladder on which two right gradients approach each other, at order one and above.
APPROACH_LEVELS_OF_ORDER_ONE, APPROACH_LEVELS = 4, 3
# Tolerances at the tight end over which the growth of evaluations is fitted.
COST_TOLERANCES = 4
# Part of the tolerances of a sweep after which the layer has enough steps to show something.
LOOSE_PART = 4
# Numbers of steps near one, and multiples of it, at which a fault is looked for.
NEAR_STEPS, MULTIPLES_OF_STEPS = 2, (2, 4)
# Differences of orders below which they are printed as one: half of the last digit.
SAME_ORDER = 0.005

# The energy of a motion (information alone; held by tests/measure/test_energy.py).
# Steps, and their length in units of time: some fifty turns of the pendulum of the suite, of 19 steps each.
ENERGY_STEPS, ENERGY_STEP = 1000, 0.3
# Times at which the energy is looked at; each has a solve of its own.
ENERGY_LOOKS = 8
# Factor by which the error of the second half may exceed that of the first and still stay: that of a drift
# which is linear in time exceeds it by more than two, and by four if it is quadratic.
ENERGY_DRIFT = 1.5
# Evaluations of all these solves beyond which a layer is too dear for information: a second or two.
ENERGY_EVALUATIONS = 30_000

# Pictures (layout; nothing is judged by them).
PICTURE_MEMBERS = 3  # trajectories: more are a tangle
PICTURE_STEPS, PICTURE_BACKWARD_STEPS = 16, 8  # the layer takes half as many steps squared
PICTURE_POINTS, PICTURE_BACKWARD_POINTS = 61, 16
PICTURE_ARROWS = 13  # on each axis
PICTURE_DIGITS = 4  # finer than a pen; the page carries every number
PICTURE_MARGIN, PICTURE_STROKE = 0.1, 0.35  # of the region, and of the distance of two arrows

# Scripts that show a failure without nodecheck (held by tests/reproduce/).
# Lines of a script, blank ones not counted: as many as fit on a page beside the text of a bug report.
SCRIPT_LINES = 25
# Lines of a build that are written out: a script has up to 17 others.
SCRIPT_INLINED = 8
# Steps, and a tolerance, of a script before it is reduced: a method of order one shows its order on tanh
# fields of rate one from here on, and the error of one of order five stays above rounding at four times as
# many.
SCRIPT_STEPS = 8
SCRIPT_TOLERANCE = 1e-9
# Fewest steps of the coarse error: h is 0.35 or less, where every usual method shows its order within 0.5.
SCRIPT_FEWEST_STEPS = 4
# Factor of the steps between two errors: an error that stays is above the bound of order one by the root of
# this factor.
SCRIPT_REFINED = 4
# Steps of the classical Runge-Kutta method for the exact solution: h is 5.6e-3, so its error is about h^4/120
# = 8e-12.
SCRIPT_REFERENCE_STEPS = 250
# What rounding leaves of an exact answer: some hundred steps on numbers of size ten, in units of 8 eps.
SCRIPT_EXACT = {"float64": 1e-11, "float32": 2e-3}
# A central difference of step e errs by e^2/6 and by eps/e: both are below 1e-9 here.
SCRIPT_DIFFERENCE = 1e-5
# What a central difference leaves, with a margin of a hundred.
SCRIPT_OWN_DERIVATIVE = 1e-7
# Numbers of steps between which the bytes that are held are compared.
SCRIPT_MEMORY_STEPS = (16, 64)
# A smaller problem shows the same fault if it exceeds its bound by at least half as many orders of magnitude.
SAME_FAULT_SHARE = 0.5
# Seconds that one trial of a script may take: the start of torch takes a few, a solve of this size less.
SCRIPT_TRIAL_SECONDS = 20.0
# Steps of a script for failures at odd numbers of steps alone; four times as many are compared with it.
SCRIPT_ODD_STEPS = 9
# Other numbers of steps, and other intervals, of scripts on a constant field: one step, and quotients that
# are rounded up; decimal, long, short and from later to earlier.
SCRIPT_OTHER_STEPS = (1, 3, 7, 10, 49, 93)
SCRIPT_OTHER_INTERVALS = ((0.1, 0.7), (0.0, 10.0), (-0.5, 0.1), (1.7, 0.3))
