"""Numbers of the audit of a user's own model that were chosen by hand, with unit and origin.

They are held by tests/own_model/test_audit_verdicts.py, test_gate.py and test_reference.py beside it.
"""

from __future__ import annotations

# The reference is as exact as the question needs: its own error is at most this share of the target.
REFERENCE_SHARE = 1 / 30
# Tolerances of the reference, the loosest first.  A smooth field needs one of the first two.
REFERENCE_TOLERANCES = (1e-6, 1e-8, 1e-10, 1e-12)
# Steps that a reference may try.  A network in one time unit takes some 10 to 100 at 1e-8; the rest is for
# fields that are stiff, where the audit says so after some seconds.
REFERENCE_STEPS = 4000
# Where error control does not settle, as at kinks: equal RK4 steps, doubled from here to there.
FEWEST_EQUAL_STEPS, MOST_EQUAL_STEPS = 32, 8192
# The difference of two solutions of which one has half the step bounds the error of the finer one, with
# this factor where the order is lost at kinks and the error falls like h (measured: ReLU networks).
KINK_FACTOR = 2.0
# The difference to a solution at a hundredth of the tolerance is the error up to a few per cent.
TOLERANCE_RATIO = 100.0

# What is left is explained once it is below this share of the target, or three errors of the reference.
EXPLAINED_SHARE = 0.1
REFERENCE_ERRORS = 3.0
# Refinements that keep more than this share of the error, and add no more than as much, so many in a row,
# have stopped to reduce it: a method of order one halves it with its steps, and a tenth of the tolerance
# makes it 10^(1/2) times smaller.  At a jump that a grid does not hit the error goes up and down while it
# falls: two in a row were seen there in 6 of 9 grids, and four in none.
STOPPED, PLATEAU_LEVELS = 0.7, 4
# Halving the steps ten times, or tolerances down to rounding; a method of order one needs as many.
FEWEST_REFINEMENTS, MOST_REFINEMENTS = 2, 10
# Evaluations that one refinement may take: beyond, the audit would take minutes.
MOST_EVALUATIONS = 20_000
# A tensor whose gradient is smaller than this share of the whole is measured against that share: its
# relative error would be that of a number near zero.
SMALL_TENSOR = 1e-3

# The gate.  Coupled members: half of the batch, alone and in the batch, relative to the largest slope.
COUPLED = 1e-4
# Noise of float64 values, as fourth differences over steps of NOISE_STEP: rounding gives some 1e-16, a cast
# to float32 inside gives 1e-8.
NOISE = 1e-12
NOISE_STEP = 1e-7
NOISE_POINTS = 9
# The fourth differences of white noise have a standard deviation of sqrt(70) times its own.
FOURTH_DIFFERENCE = 70.0
# The gradient of the field against difference quotients, of which the best of three steps counts.
QUOTIENT_STEPS = (1e-4, 3e-6, 1e-7)
FIELD_GRADIENT = 1e-3
# A second state at which they must disagree, too: this share of the size of y0 away, or of 1.
AWAY_FROM_KINKS = 1e-2
# Between the ends, where nothing is special.
PROBED_SHARE = 0.4142

# Backward reconstruction is in danger where it amplifies the tolerance to more than this.
AMPLIFIED_TOLERANCE = 0.1
AMPLIFICATION_LIMIT = 1e30
# Of [t0, t1]: how far beyond its ends the exact trajectory is known, as adaptive solvers step beyond them.
BEYOND_THE_ENDS = 0.1
# Settings are recommended with this margin to the target.
MARGIN = 2.0
# Settings of our own layer beside the user's: tolerances, and equal steps of RK4 for each output interval.
COMPARED_TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
COMPARED_STEPS = (2, 4, 8, 16)
# Two audits: an error that has more than doubled is worse, as for `nodecheck compare` of runs.
WORSE_ERROR = 2.0

# The monitor.  Iterations over which its share of the time is kept.
MONITOR_WINDOW = 1000
# A first reading may take five steps: it repeats the step once, and solves exactly twice or so.
FIRST_READING_STEPS = 5.0
# The distance of readings varies by this share.
READING_JITTER = 0.3
# The next reading may take longer than the last ones: it may have to be confirmed.
COST_MARGIN = 1.25
# An exact solve of the training, in its dtype: float32 allows no less than about 1e-6.
EXACT_TOLERANCE, FINEST_EXACT_TOLERANCE = 1e-4, 1e-6
# Two exact solves agree where they differ by this share of the budget.
MONITOR_AGREEMENT = 0.2
# A step that is repeated gives the same gradient up to the order of sums.
SAME_STEP = 1e-3
# Weight of the newest gradient in the mean square that stands for its usual size.
HISTORY_WEIGHT = 0.3
# An alarm is one reading over twice the budget, or a second one over it among the last three.
ALARM_AT_ONCE = 2.0
READINGS_OF_AN_ALARM = 2
# Tolerance of the tangent that is integrated beside the reference, and the share of the reference's own error
# that it is held to where that is larger, as at kinks.
TANGENT_SHARE = 0.1
TANGENT_TOLERANCE = 1e-9
# Numbers of a tensor that is a plain attribute of a module: a larger one is data, and no state of a step.
LARGEST_KEPT = 2**20
