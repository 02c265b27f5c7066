"""Every check fails a layer with the fault it looks for, says why, and passes right layers."""

# ruff: noqa: ARG005

from __future__ import annotations

import pytest
import torch
from right_flows import one_long_state
from wrong_layers import (
    Remembers,
    adaptive,
    after,
    continuous,
    copied_parameters,
    detached_parameters,
    euler,
    euler_step,
    fixed,
    float32_grid,
    from_zero,
    ignores_tolerance,
    layer,
    marching,
    pulling_back,
    rk4,
    rk4_step,
    stage_at_the_start,
    unsigned,
    with_field,
)

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.mutants.device import DEVICE
from nodecheck.neural_ode import ODELayer
from nodecheck.options.profile import CI, SMOKE
from nodecheck.results import Inconclusive, Unsupported


def scaled(dynamics):
    return lambda t, y: 1.01 * dynamics(t, y)


def half_more(cotangent):
    return 1.5 * cotangent


def extravagant(dynamics, t0, t1, n_steps):
    solve = marching(rk4_step)(dynamics, t0, t1, n_steps)

    def run(y0):
        y1 = solve(y0)
        y1.register_hook(lambda cotangent: [dynamics(t0, y0.detach()) for _ in range(n_steps**2)] and None)
        return y1

    return run


def sorted_times(dynamics, t0, t1, tol):
    return adaptive().build(dynamics, min(t0, t1), max(t0, t1), tol)


def larger_in_reverse(dynamics, t0, t1, tol):
    """An adaptive layer whose gradient is half too large where time runs backwards."""
    solve, factor = adaptive().build(dynamics, t0, t1, tol), 1.5 if t1 < t0 else 1.0
    return lambda y: factor * (y1 := solve(y)) - (factor - 1.0) * y1.detach()


def at_outputs_by_euler_in_reverse(dynamics, ts, n_steps):
    solver = "rk4" if ts[-1] > ts[0] else "euler"
    own = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver=solver, adjoint="discrete")
    return lambda y0: own.solve(y0, ts)


def last_output_alone_in_reverse(dynamics, ts, n_steps):
    own = ODELayer(dynamics, ts[0], ts[-1], n_steps, solver="rk4", adjoint="discrete")

    def run(y0):
        ys = own.solve(y0, ts)
        return ys if ts[-1] > ts[0] else torch.cat([ys[:-1].detach(), ys[-1:]])

    return run


def ends_without_sign(dynamics, t0, t1, n_steps):
    """Our own layer; where time runs backwards, the gradients of both ends have the other sign."""
    if isinstance(t0, torch.Tensor) and t1 < t0:
        t0, t1 = (2 * t.detach() - t for t in (t0, t1))
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")


def log_det_without_a_sign(dynamics, t0, t1, n_steps):
    solve = one_long_state(dynamics, t0, t1, n_steps)

    def run(y0):
        y1, log_det = solve(y0)
        return y1, log_det if t1 > t0 else -log_det

    return run


SPECIMENS = {mutant.name: mutant.layer for mutant in MUTANTS}
ONE_STEP_TOO_MANY = layer(marching(rk4_step, extra=1))

# check id (and the name of a problem after a colon), what is wrong, the layer, what the diagnosis must name
CASES = [
    ("adapter", "returns the first state", after(lambda y0, y1: y0 + 0 * y1), "adapt.last(y, time_axis=...)"),
    ("forward-pass", "returns NaN", after(lambda y0, y1: y1 * torch.nan), "12 of 12 entries"),
    ("forward-pass", "one entry is infinite", after(lambda y0, y1: y1 / (y1 != y1[0, 0])), "1 of 12 entries"),
    ("backward-pass", "gradient is NaN", pulling_back(lambda w: w * torch.nan), "y0"),
    ("determinism", "noise", after(lambda y0, y1: y1 + 1e-15 * torch.rand_like(y1)), "random numbers"),
    ("nothing-mutated", "writes into the cotangent", pulling_back(lambda w: w.mul_(1.5)), "cotangent"),
    (
        "nothing-mutated",
        "freezes",
        SPECIMENS["frozen-between-passes"],
        "which parameters require a gradient.",
    ),
    ("nothing-mutated", "writes into y0", after(lambda y0, y1: y1 + 0 * y0.data.add_(1)), "y0"),
    ("nothing-mutated", "thaws", SPECIMENS["frozen-thawed"], "Changed where b1 is frozen: which parameters"),
    ("nothing-mutated", "draws", SPECIMENS["random-numbers-drawn"], "drawn from, although the answer"),
    ("nothing-mutated", "reseeds", SPECIMENS["random-generator-seeded"], "state of torch (reseeded)"),
    ("interleaved-calls", "state on the class", after(lambda y0, y1: Remembers.apply(y1)), "second call"),
    ("interleaved-calls", "state on the layer", SPECIMENS["state-on-module"], "calls of one layer overlap"),
    (
        "interleaved-calls",
        "shapes do not fit",
        SPECIMENS["state-on-class"],
        "of two layers raise RuntimeError",
    ),
    ("repeated-use", "parameters copied once", layer(copied_parameters), "Used again, y1 and "),
    ("repeated-use", "known by its sum", SPECIMENS["state-known-by-sum"], "Used again, y1 and "),
    ("repeated-use", "kept", SPECIMENS["no-grad-result-kept"], "Used again, y1 without a graph differs from"),
    ("constant-field", "few steps", SPECIMENS["grid-of-so-many-points"], "With n_steps = 1 no step is taken"),
    ("backprop-agreement", "few steps", SPECIMENS["grid-of-so-many-points"], "that of 6 steps of our rk4"),
    ("other-modules", "hooks", SPECIMENS["forward-called-by-name"], "when a forward hook changes the field."),
    ("other-modules", "mode", SPECIMENS["eval-mode-in-backward"], "when train mode changes the field."),
    (
        "other-uses",
        "data as y0",
        SPECIMENS["data-without-gradient"],
        "All parameter gradients are missing when y0",
    ),
    (
        "function-transforms",
        "detached without a gradient",
        SPECIMENS["detached-without-gradient"],
        "∂L/∂y0 is missing under torch.func.jvp",
    ),
    ("complex-state", "no conjugate", SPECIMENS["conjugate-forgotten"], "A usual cause is a conjugate that"),
    (
        "complex-state:complex_real_force",
        "the parameters",
        SPECIMENS["real-parameter-gradients"],
        "∂L/∂A, ∂L/∂c are real, and should be complex",
    ),
    (
        "other-uses",
        "an encoder",
        SPECIMENS["computed-state-detached"],
        "∂L/∂y0 is missing when y0 is computed",
    ),
    ("other-uses", "strides of y0", SPECIMENS["state-assumed-contiguous"], "when y0 is not contiguous."),
    ("other-uses", "strides of w", SPECIMENS["cotangent-assumed-contiguous"], "when the cotangent is not"),
    ("other-uses", "accumulation", SPECIMENS["gradients-not-added"], "when gradients accumulate."),
    ("other-uses", "used twice", SPECIMENS["second-backward-goes-on"], "in a second backward pass."),
    ("other-uses", "eval mode", SPECIMENS["eval-mode-by-euler"], "in eval mode."),
    ("other-uses", "no grad", SPECIMENS["no-grad-by-euler"], "under torch.no_grad."),
    (
        "other-uses",
        "y0 under no_grad",
        SPECIMENS["no-grad-in-place"],
        "Changed by the layer under torch.no_grad: y0.",
    ),
    ("other-uses", "a graph", SPECIMENS["no-grad-ignored"], "y1 is made to require a gradient"),
    ("other-uses", "workspace", SPECIMENS["gradient-in-workspace"], "are kept over another pass."),
    (
        "other-uses",
        "outputs changed",
        SPECIMENS["outputs-kept-by-reference"],
        "when what it returns is changed in place. The backward pass reads what was returned",
    ),
    ("other-uses", "y1 changed", SPECIMENS["end-kept-by-reference"], "when what it returns is changed in"),
    (
        "other-uses",
        "one buffer",
        SPECIMENS["outputs-in-one-buffer"],
        "call: what was returned. What it returns",
    ),
    (
        "other-uses",
        "returned again",
        SPECIMENS["result-returned-again"],
        "what the next call returns. What",
    ),
    ("not-a-number", "state", SPECIMENS["nan-replaced-in-state"], "y1 is finite although y0 is not."),
    ("not-a-number", "gradient", SPECIMENS["nan-replaced-in-gradient"], "Finite although the cotangent is"),
    (
        "other-uses",
        "train mode",
        SPECIMENS["train-mode-in-backward"],
        "Changed by the layer in eval mode: training mode of the dynamics.",
    ),
    (
        "other-modules",
        "nested",
        SPECIMENS["nested-parameters-overlooked"],
        "All parameter gradients are missing when parameters are two modules deep.",
    ),
    ("other-modules", "tied", SPECIMENS["tied-parameters-twice"], "when every parameter has two names."),
    ("other-modules", "in turns", SPECIMENS["use-decided-at-the-end"], "used in half of the interval."),
    (
        "computed-parameters",
        "leaves alone",
        SPECIMENS["computed-parameters-overlooked"],
        "All parameter gradients are missing when parameters are computed.",
    ),
    (
        "computed-parameters",
        "replaced",
        SPECIMENS["parameters-read-in-backward"],
        "under torch.func.functional_call. The backward pass reads the parameters from the module",
    ),
    ("other-modules", "none", SPECIMENS["parameters-presumed"], "∂L/∂y0 is missing when there are no"),
    (
        "other-units",
        "clamped",
        SPECIMENS["negative-times-at-zero"],
        "on [-2.25, -0.75]. All gradients are off",
    ),
    ("other-units", "unsigned", SPECIMENS["time-unsigned"], "on [-0.25, 1.25]. Compared with"),
    ("other-units", "capped", SPECIMENS["late-times-capped"], "on [40.25, 41.75]."),
    ("other-units", "steps", SPECIMENS["step-capped"], "on an interval 8 times as long."),
    ("other-units", "states", SPECIMENS["state-clamped"], "for a state 1024 times as large."),
    (
        "other-sizes",
        "one member",
        SPECIMENS["batch-of-one-halved"],
        "off by 50 % for y0 of shape (1, 12)",
    ),
    ("other-sizes", "one component", SPECIMENS["column-averaged"], "for y0 of shape (12, 1). Compared with"),
    (
        "other-sizes",
        "many members",
        SPECIMENS["large-batch-coupled"],
        "for y0 of shape (48, 3). Compared with",
    ),
    (
        "other-sizes",
        "many components",
        SPECIMENS["wide-state-detached"],
        "for y0 of shape (4, 36). Compared with",
    ),
    ("other-sizes", "many parameters", SPECIMENS["first-six-parameters"], "are missing with twelve scalar"),
    (
        "other-sizes",
        "three axes",
        SPECIMENS["three-axes-dropped"],
        "∂L/∂V is missing with all parameters in one",
    ),
    ("float32-state", "returns float64", after(lambda y0, y1: y1.double()), "y1 is float64"),
    (
        "constant-field",
        "a step too many",
        ONE_STEP_TOO_MANY,
        "one step too many, 17 steps of (t1 - t0)/16, the last beginning at t1",
    ),
    (
        "constant-field",
        "a step too few",
        layer(marching(rk4_step, extra=-1)),
        "one step too few, 15 steps of (t1 - t0)/16",
    ),
    ("constant-field", "does nothing", after(lambda y0, y1: y0 * 1), "no step"),
    ("constant-field", "starts at zero", layer(from_zero), "that is t1, so t0 is ignored"),
    (
        "constant-field",
        "a batch of one",
        after(lambda y0, y1: y1 + (len(y0) == 1)),
        "Simplest counterexample",
    ),
    ("time-precision", "float32 time grid", layer(float32_grid), "made without dtype"),
    (
        "time-precision",
        "float32 coefficients, adaptive",
        adaptive(lambda solve: lambda y: y + (1 + 3e-8) * (solve(y) - y)),
        "coefficients of the method may be float32",
    ),
    ("evaluation-times", "a step too many", ONE_STEP_TOO_MANY, "Evaluated on [0.3, 1.7"),
    ("evaluation-times", "starts at zero", layer(from_zero), "Evaluated on [0, "),
    ("evaluation-times", "told late", SPECIMENS["told-times-shifted"], "the earliest tends to 0.3014, not"),
    ("polynomial-field", "a stage time", layer(marching(stage_at_the_start), order=2), "Exact below t^1"),
    ("polynomial-field", "a step too many", ONE_STEP_TOO_MANY, "Already a constant field"),
    ("forward-order", "Euler as order 2", euler(order=2), "Order 0.9"),
    ("forward-order", "RK4 as order 3", rk4(order=3), "higher order than claimed"),
    ("forward-order", "a stage time", layer(marching(stage_at_the_start), order=2), "stage times are wrong"),
    ("forward-order", "another equation", with_field(scaled), "another equation"),
    ("solve-ivp-agreement", "another equation", with_field(scaled), "converges to something else"),
    ("forward-tolerance", "tolerance ignored", layer(ignores_tolerance, order=None), "SciPy's RK45 ends at"),
    (
        "power-tolerance",
        "linear interpolation",
        SPECIMENS["end-interpolated"],
        "For y' = c t^1, t^2, t^3 the",
    ),
    (
        "both-tolerances",
        "exchanged",
        SPECIMENS["tolerances-exchanged"],
        "rtol and atol are exchanged in the forward pass",
    ),
    ("sudden-change", "accepts all", SPECIMENS["accepts-everything"], "accepted whatever their error"),
    ("long-interval", "a hundred steps", SPECIMENS["gives-up-late"], "it gives up after so many steps"),
    ("forward-order:neural_reversed", "its sign", layer(unsigned), "converges to something else"),
    (
        "forward-order:neural_reversed",
        "Euler's steps",
        SPECIMENS["reverse-time-by-euler"],
        "Order 1.00 where time runs",
    ),
    (
        "forward-tolerance:neural_reversed",
        "the sign of the step, adaptive",
        layer(sorted_times, order=None),
        "Where time runs backwards, at tol = 1e-07, y1 is off by",
    ),
    (
        "forward-tolerance:uneven_mirrored",
        "the norm looks at the last component",
        SPECIMENS["last-component-decides"],
        "SciPy's RK45 ends at",
    ),
    (
        "forward-tolerance:time_linear_reversed",
        "the end of the last step",
        SPECIMENS["end-overshot"],
        "Where time runs backwards, at tol =",
    ),
    (
        "gradient-order:neural_reversed_quarter",
        "the sign of the parameters",
        SPECIMENS["reverse-time-sign"],
        "They are -1 times the",
    ),
    (
        "gradient-order:neural_reversed_quarter",
        "the state detached",
        SPECIMENS["reverse-time-detached"],
        "No gradient arrives for ∂L/∂y0",
    ),
    (
        "batch-independence",
        "inaccurate, adaptive",
        SPECIMENS["tolerance-ignored"],
        "the layer is inaccurate, whether or not",
    ),
    (
        "batch-independence",
        "mean over the batch, adaptive",
        adaptive(lambda solve: lambda y: solve(y) + 1e-3 * (y - y.mean(0))),
        "they influence each other",
    ),
    ("batch-independence", "mean over the batch", after(lambda y0, y1: y1 + 1e-9 * y1.mean(0)), "4 of 4"),
    ("gradient-completeness", "parameters detached", layer(detached_parameters), "at W1, u, b1, W2, b2."),
    ("gradient-completeness", "all detached", after(lambda y0, y1: y1.detach()), "detached from its inputs"),
    ("uninvolved-parameters", "frozen", SPECIMENS["frozen-differentiated"], "With b1 frozen: RuntimeError"),
    ("uninvolved-parameters", "unused", SPECIMENS["unused-refused"], "allow_unused=True"),
    ("uninvolved-parameters", "detached", SPECIMENS["frozen-detaches-output"], "the output is detached"),
    ("uninvolved-parameters", "misaligned", SPECIMENS["unused-shifts-others"], "other gradients change"),
    ("gradient-class", "gradient half too large", pulling_back(half_more), "1.5"),
    ("gradient-class", "another class", continuous(adjoint="discrete"), "discretised on its own"),
    ("constant-field-gradient", "half too large", pulling_back(half_more), "∂L/∂y0 is not the cotangent"),
    (
        "constant-field-gradient",
        "cotangent through float32",
        SPECIMENS["adjoint-cotangent-through-float32"],
        "∂L/∂y0 is not the cotangent",
    ),
    (
        "gradient-order",
        "cotangent through bfloat16",
        SPECIMENS["adjoint-cotangent-through-bfloat16"],
        "All gradients are off by",
    ),
    (
        "finite-differences",
        "cotangent through float32",
        SPECIMENS["cotangent-through-float32"],
        "At 7 steps the gradient differs",
    ),
    ("constant-field-gradient", "parameters detached", layer(detached_parameters), "No gradient arrives"),
    ("constant-field-gradient", "a step too many", ONE_STEP_TOO_MANY, "takes 17 steps of h"),
    ("gradient-order", "gradient half too large", pulling_back(half_more), "1.5"),
    ("gradient-order", "an odd number", SPECIMENS["odd-number-of-steps-short"], "At 17 steps the error is"),
    ("gradient-order", "parameters detached", layer(detached_parameters), "No gradient"),
    (
        "gradient-tolerance",
        "gradient half too large",
        adaptive(lambda solve: lambda y: 1.5 * solve(y) - 0.5 * solve(y).detach()),
        "1.5",
    ),
    (
        "gradient-tolerance:neural_reversed_quarter",
        "half too large where time runs backwards",
        layer(larger_in_reverse, order=None),
        "1.5",
    ),
    (
        "gradient-tolerance:at_rest",
        "an error norm without the adjoint",
        SPECIMENS["adjoint-not-in-norm"],
        "its step control does not look at the adjoint",
    ),
    ("finite-differences", "half too large", pulling_back(half_more), "At 7 steps the gradient differs"),
    ("finite-differences", "half too large", pulling_back(half_more, adjoint=None), "gradient differs"),
    ("backprop-agreement", "half too large", pulling_back(half_more), "differs most from backprop"),
    ("backprop-agreement", "Euler as RK4", euler(tableau="rk4"), "With the tableau rk4"),
    ("cotangent-linearity", "normalised", pulling_back(lambda w: w / (1 + w.norm())), "counterexample"),
    ("cotangent-linearity", "cotangent ignored", pulling_back(torch.ones_like), "counterexample"),
    ("cotangent-linearity", "clipped", SPECIMENS["gradient-clipped"], "For 8192 times the cotangent"),
    ("cotangent-linearity", "thresholded", SPECIMENS["small-adjoint-zeroed"], "For 1/8192 of the cotangent"),
    ("cotangent-linearity", "one added", pulling_back(lambda w: w + 1.0), "is there for a cotangent of zero"),
    (
        "cotangent-linearity",
        "some outputs in the loss",
        SPECIMENS["begins-at-the-last-cotangent"],
        "is not the sum of what the outputs contribute, each in a loss on it alone",
    ),
    ("output-times", "equally spaced", SPECIMENS["equally-spaced"], "ts is taken for equally spaced"),
    ("output-states", "straight lines", SPECIMENS["straight-between-steps"], "lie on the straight line"),
    (
        "output-times:constant_reversed_at_outputs",
        "the order of the states",
        SPECIMENS["outputs-in-rising-order"],
        "the states come in reverse order. Return them in the order of ts.",
    ),
    (
        "output-states:neural_reversed_at_outputs",
        "Euler's steps",
        layer(at_outputs_by_euler_in_reverse),
        "the state at ts[",
    ),
    (
        "output-gradients",
        "jumps forgotten",
        SPECIMENS["jumps-forgotten"],
        "Only the cotangent of the last output arrives",
    ),
    (
        "output-gradients:quarter_reversed_at_outputs",
        "jumps forgotten where time runs backwards",
        layer(last_output_alone_in_reverse),
        "Only the cotangent of the last output arrives",
    ),
    ("time-gradients", "sign of t0", SPECIMENS["start-sign-wrong"], "∂L/∂ts[0] has the wrong sign"),
    (
        "time-gradients:neural_reversed_half",
        "sorted ends where time runs backwards",
        layer(ends_without_sign, supports={"time-gradients"}),
        "Each of ∂L/∂t0 and ∂L/∂t1 has the wrong sign",
    ),
    ("member-times", "lengths averaged", SPECIMENS["durations-averaged"], "is averaged over the batch"),
    (
        "member-times:neural_reversed_half",
        "direction ignored",
        SPECIMENS["direction-of-members-ignored"],
        "Time runs forwards for members whose t1 is before t0",
    ),
    ("second-derivatives", "a penalty", SPECIMENS["penalty-dropped"], "the penalty is dropped without"),
    ("second-derivatives", "refuses half", SPECIMENS["once-differentiable"], "marked by once_differentiable"),
    (
        "second-derivatives",
        "the state",
        SPECIMENS["state-detached-in-backward"],
        "the state is held constant",
    ),
    ("constant-divergence", "its sign", SPECIMENS["sign-of-log-det"], "its sign is wrong"),
    (
        "constant-divergence:constant_log_det",
        "its start",
        SPECIMENS["log-det-starts-at-one"],
        "l does not start at zero",
    ),
    (
        "log-determinant",
        "the state of the stages",
        SPECIMENS["trace-at-the-start"],
        "at another time or state than that of the solver's stages",
    ),
    (
        "log-determinant:neural_log_det_reversed",
        "its size where time runs backwards",
        TorchLayer("unsigned", log_det_without_a_sign, order=4, output="log-det"),
        "It is -1 times the log-determinant where time runs backwards",
    ),
    ("log-det-gradient", "detached", SPECIMENS["log-det-detached"], "No gradient arrives from l"),
    ("memory-law", "trajectory saved", SPECIMENS["trajectory-saved"], "states grow like O(n)"),
    (
        "memory-law",
        "each output anew",
        SPECIMENS["each-output-from-the-start"],
        "The states that each output costs grow with the steps",
    ),
    ("hidden-memory", "trajectory in a list", SPECIMENS["hidden-in-list"], "Hidden from autograd's hooks"),
    ("memory-leak", "outputs remembered", SPECIMENS["outputs-remembered"], "for good"),
    ("gradient-cost", "evaluates n^2 times", layer(extravagant), "the cost rises from"),
]
BY_ID = {check.id: check for check in CHECKS}


def problem_of(check, name=""):
    """Return the problem of this name, or the first one that a check runs on."""
    problems = {p.name: p for p in (*check.problems, *(p for _, p in check.more))}
    return problems[name] if name else next(iter(problems.values()), None)


def measure(name, under_test):
    """Return the evidence of a check, on the problem that is named after a colon or on its first one."""
    check, _, problem = name.partition(":")
    return BY_ID[check].measure(under_test, problem_of(BY_ID[check], problem))


def violated(evidence):
    return [m.name for m in evidence.measurements if not m.holds]


@pytest.mark.parametrize(("check", "wrong", "phrase"), [(i, w, p) for i, _, w, p in CASES], ids=[
    f"{i}: {what}" for i, what, _, _ in CASES
])  # fmt: skip
def test_a_check_fails_what_it_looks_for_and_names_it(check, wrong, phrase):
    torch.manual_seed(0)
    evidence = measure(check, LayerUnderTest(wrong, SMOKE))
    assert violated(evidence)
    assert phrase in evidence.diagnosis


def test_no_check_is_without_such_a_layer():
    of_devices = {i for mutant in DEVICE for i in mutant.caught_by}
    assert {i.partition(":")[0] for i, *_ in CASES} | of_devices == set(BY_ID)


def test_every_further_problem_has_such_a_layer():
    further = {f"{check.id}:{p.name}" for check in CHECKS for _, p in check.more}
    assert further <= {i for i, *_ in CASES}


def test_the_taylor_remainder_fails_a_gradient_that_is_too_large():
    evidence = measure("gradient-class", LayerUnderTest(pulling_back(half_more), SMOKE))
    assert "rate of the Taylor remainder" in violated(evidence)


def test_the_taylor_remainder_is_judged_of_claimed_discrete_adjoints_only():
    names = [m.name for m in measure("gradient-class", RIGHT["rk4 without claims"]).measurements]
    assert "rate of the Taylor remainder" not in names


def test_a_zero_cotangent_fails_a_gradient_that_is_not_zero_then():
    evidence = measure("cotangent-linearity", LayerUnderTest(pulling_back(lambda w: w + 1.0), SMOKE))
    assert "largest entry of the gradient for a zero cotangent" in violated(evidence)


def test_drawn_constant_fields_fail_what_the_fixed_one_does_not_show():
    wrong = after(lambda y0, y1: y1 + (len(y0) == 1))
    evidence = measure("constant-field", LayerUnderTest(wrong, SMOKE))
    assert violated(evidence) == ["error of a drawn field in units of its bound"]


RIGHT = {
    "rk4": LayerUnderTest(rk4(), CI),
    "rk4 without claims": LayerUnderTest(rk4(order=None, adjoint=None), CI),
    "euler": LayerUnderTest(euler(), CI),
    "continuous": LayerUnderTest(continuous(), CI),
    "adaptive": LayerUnderTest(adaptive(), CI),
}


def asked():
    """Return the right layers with the checks that are asked of them, and the names of further problems."""
    for name, under_test in RIGHT.items():
        kind = "adaptive" if under_test.adaptive else "fixed-step"
        for check in CHECKS:
            if not check.why_not({kind}):
                further = (f"{check.id}:{p.name}" for _, p in check.more)
                yield from ((name, one) for one in (f"{check.id}:", *further) if applies(under_test, one))


def applies(under_test, check):
    """Return False for the problem that asks for a step control of the backward pass, where there is none."""
    return check != "gradient-tolerance:at_rest" or under_test.claims.adjoint == "continuous"


@pytest.mark.parametrize(("name", "check"), [*asked()])
def test_a_check_passes_a_right_layer_without_a_word(check, name):
    try:
        evidence = measure(check, RIGHT[name])
    except Inconclusive:  # rejected steps blur the count of an adaptive layer: no law is claimed or decided
        assert check == "memory-law:"
        assert RIGHT[name].adaptive
        return
    except Unsupported:  # with an error, which is right
        assert name == "continuous"
        assert check in ("second-derivatives:", "function-transforms:")
        return
    assert evidence.measurements
    assert violated(evidence) == []
    assert evidence.diagnosis == ""


def test_a_fixed_number_of_steps_can_still_be_examined_for_everything_else():
    passed = 0
    for name in ("forward-pass", "backward-pass", "determinism", "nothing-mutated", "interleaved-calls"):
        evidence = measure(name, LayerUnderTest(layer(fixed), SMOKE))
        passed += all(m.holds for m in evidence.measurements)
    assert passed == 5


def test_a_step_too_many_is_an_error_of_first_order_that_the_order_of_euler_does_not_show():
    """That is why the constant field is there."""
    wrong = LayerUnderTest(layer(marching(euler_step, extra=1), order=1), SMOKE)
    assert all(m.holds for m in measure("forward-order", wrong).measurements)
