"""Mutants differ from their originals by the stated fault alone; the originals are right."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, Solve, counterpart
from nodecheck.mutants import MODULES, MUTANTS, ORIGINALS, RANGES, USES
from nodecheck.mutants.complex_state import COMPLEX_STATE
from nodecheck.mutants.members import MEMBERS
from nodecheck.mutants.returned import RETURNED
from nodecheck.mutants.second_order import SECOND_ORDER
from nodecheck.mutants.tolerances import TOLERANCES
from nodecheck.options.profile import CI
from nodecheck.problems import neural, neural_at_outputs, neural_log_det, spiral
from nodecheck.reference import sensitivity

# Their faults show neither in y1 nor in the first gradient from t0 to t1 > t0, but on a second use.
HIDDEN = {"float64-output", "unsigned-step", "input-mutated", "parameter-mutated", "cotangent-mutated"}
HIDDEN |= {"frozen-between-passes", "frozen-thawed", "random-numbers-drawn", "random-generator-seeded"}
HIDDEN |= {"trajectory-saved", "hidden-in-list", "hidden-in-num-py", "reference-cycle", "outputs-remembered"}
HIDDEN |= {"state-on-class", "state-on-module", "first-call-remembered", "buffer-not-reset"}
HIDDEN |= {"odd-number-of-steps-short", "reverse-time-sign", "reverse-time-detached", "reverse-time-by-euler"}
HIDDEN |= {"outputs-in-rising-order"}
HIDDEN |= {"parameters-copied-once", "hidden-in-bytes", "first-solution-kept"}
# These show on a parameter that is frozen or not used, or on a cotangent that is large or small.
HIDDEN |= {"frozen-differentiated", "frozen-detaches-output", "unused-refused", "unused-shifts-others"}
HIDDEN |= {"detached-without-gradient", "tangent-not-propagated"}
HIDDEN |= {"frozen-when-compiled", "coarse-when-compiled"}
HIDDEN |= {"loss-on-second-part-lost", "data-part-ends-backward"}
HIDDEN |= {"cotangent-clamped", "first-row-zero-gives-up", "gradient-clipped", "small-adjoint-zeroed"}
# These show only after many steps.
HIDDEN |= {"gives-up-late", "backward-gives-up"}
# This shows only where the adjoint moves and the state does not.
HIDDEN |= {"adjoint-not-in-norm"}
# These show with complex numbers.
HIDDEN |= {mutant.name for mutant in COMPLEX_STATE}
# These show in second derivatives.
HIDDEN |= {mutant.name for mutant in SECOND_ORDER}
# These show when the caller changes what is returned, or keeps it.
HIDDEN |= {mutant.name for mutant in RETURNED}
# This shows where the last outputs are in no loss.
HIDDEN |= {"begins-at-the-last-cotangent"}
# These show in what is kept for each output.
HIDDEN |= {"each-output-from-the-start", "steps-before-outputs-kept"}
# These show where each member of the batch has an interval of its own.
HIDDEN |= {mutant.name for mutant in MEMBERS}
# These show where rtol and atol are not the same number.
HIDDEN |= {mutant.name for mutant in TOLERANCES}
# These show in other uses and modules, and in other sizes, times and magnitudes.
HIDDEN |= {mutant.name for mutant in (*USES, *MODULES, *RANGES)}


def solved(layer, problem, resolution, cotangents=(), **how):
    """Return the solution of a layer that is built and used now."""
    return LayerUnderTest(layer, CI).fresh(Solve(problem, resolution, **how), cotangents)


def outcome(layer, problem=neural):
    """Return y1 and the gradients for a random cotangent, by name."""
    cotangent = np.random.default_rng(0).standard_normal(problem.output_shape)
    wrt = (*problem.groups, "ts") if "time-gradients" in layer.supports else None
    solution = solved(layer, problem, 1e-7 if layer.adaptive else 16, [cotangent], wrt=wrt)
    return {"y1": solution.y1, **solution.gradients}


def same(left, right):
    return all(
        (left[name] is None) == (right[name] is None)
        and (left[name] is None or np.array_equal(left[name], right[name]))
        for name in left
    )


def test_names_are_unique():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_there_are_at_least_forty():
    assert len(MUTANTS) >= 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_claims_what_its_original_claims(mutant):
    claims = ("order", "adjoint", "memory", "tableau", "resolution", "output")
    assert all(getattr(mutant.layer, c) == getattr(mutant.original, c) for c in claims)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_names_checks_that_there_are(mutant):
    assert set(mutant.caught_by) <= {check.id for check in CHECKS}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_says_in_a_sentence_what_is_wrong(mutant):
    assert mutant.summary.endswith(".")


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if m.name not in HIDDEN], ids=lambda mutant: mutant.name
)
def test_a_mutant_differs_from_its_original(mutant):
    torch.manual_seed(0)
    problem = neural_at_outputs if mutant.layer.output_times else counterpart(mutant.layer.supports, neural)
    if mutant.layer.output == "log-det":
        problem = neural_log_det
    assert not same(outcome(mutant.layer, problem), outcome(mutant.original, problem))


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda layer: layer.name)
def test_the_original_is_right(original):
    problem = counterpart(original.supports, neural)
    exact = sensitivity(problem)
    cotangent = np.random.default_rng(0).standard_normal(problem.y0.shape)
    expected = {"y1": exact.y1, **exact.pullback(cotangent)}
    resolutions = (1e-3, 1e-6) if original.adaptive else (32, 64)
    errors = []
    for resolution in resolutions:
        solution = solved(original, problem, resolution, [cotangent])
        found = {"y1": solution.y1, **solution.gradients}
        errors.append(max(np.abs(found[k] - expected[k]).max() / np.abs(expected[k]).max() for k in expected))
    expected_ratio = 1e-3 if original.adaptive else 2.0**-original.order
    assert errors[1] <= 1.5 * expected_ratio * errors[0] or errors[1] <= 1e-5


def test_unsigned_step_shows_backward_in_time():
    mutant = next(m for m in MUTANTS if m.name == "unsigned-step")
    problem = neural.with_interval(1.7, 0.3)
    assert not same(outcome(mutant.layer, problem), outcome(mutant.original, problem))


def test_float64_output_shows_in_float32():
    mutant = next(m for m in MUTANTS if m.name == "float64-output")
    assert solved(mutant.layer, neural, 4, dtype="float32").y1.dtype == np.float64


@pytest.mark.parametrize("name", ["first-call-remembered", "buffer-not-reset"])
def test_a_memory_shows_in_the_second_call(name):
    mutant = next(m for m in MUTANTS if m.name == name)
    outcome(mutant.layer, spiral)
    problem = spiral.replace(y0=spiral.y0 + 0.125)
    assert not same(outcome(mutant.layer, problem), outcome(mutant.original, problem))


def test_state_on_class_shows_when_calls_interleave():
    mutant = next(m for m in MUTANTS if m.name == "state-on-class")

    def gradient(layer):
        """Return dL/dy0 of a pass with another forward pass before its backward pass."""
        y0 = torch.tensor(neural.y0, requires_grad=True)
        build = functools.partial(layer.build, t0=neural.t0, t1=neural.t1, n_steps=8)
        y1 = build(Dynamics(neural))(y0)
        build(Dynamics(neural))(y0.detach() + 0.5)
        return torch.autograd.grad(y1.sum(), y0)[0]

    assert not torch.equal(gradient(mutant.layer), gradient(mutant.original))


def test_input_mutated_writes_into_y0():
    mutant = next(m for m in MUTANTS if m.name == "input-mutated")
    y0 = torch.zeros(2, 3, dtype=torch.float64)
    mutant.layer.build(torch.nn.Module(), 0.0, 1.0, n_steps=0)  # building alone writes nothing
    field = Ones()
    mutant.layer.build(field, 0.0, 1.0, n_steps=2)(y0)
    assert y0.any()


class Ones(torch.nn.Module):
    def forward(self, _t, y):
        return torch.ones_like(y)
