"""Runs on fields of the user's own: which checks run, what passes, what fails, and what is said."""

import fnmatch

import own_fields
import pytest
from own_fields import (
    AUTONOMOUS,
    CONVOLUTION,
    RELU,
    TANH,
    Perceptron,
    SymmetricGradient,
    batch,
    problem,
    seeded,
)

import nodecheck
from nodecheck.mutants import MUTANTS
from nodecheck.numerics.constants import OWN_FIELDS_TAKE
from nodecheck.options.profile import SMOKE
from nodecheck.problems import from_module
from nodecheck.report.own_fields import on_own_fields, unseen
from nodecheck.report.run_verdict import run_verdict
from nodecheck.report.words import verdict
from nodecheck.results import LayerCard, Status, from_json, to_json
from nodecheck.runner.own_problems import given_problems, require_field
from nodecheck.runner.plan import left_out, make_plan, problems_of, selected
from nodecheck.targets.discovery import load_target

WRONG = (Status.FAILED, Status.ERROR)


def layers(target, *patterns):
    return [x for x in load_target(target) for pattern in patterns if fnmatch.fnmatch(x.name, pattern)]


OWN = layers("odelayer", "odelayer-euler-discrete", "odelayer-rk4-continuous", "odelayer-dopri5-*-discrete")
OTHERS = layers(
    "torchdiffeq",
    "torchdiffeq-odeint-rk4",
    "torchdiffeq-odeint-dopri5",
    "torchdiffeq-odeint_adjoint-rk4",
    "torchdiffeq-odeint_adjoint-dopri5",
)
RIGHT = [*OWN, *OTHERS]


def run(layer, posed, **options):
    return nodecheck.run(layer, profile="smoke", problems=posed, **options)


def not_passed(found):
    """Return the results that are open or wrong; what a layer does not offer costs it nothing."""
    fine = (Status.PASSED, Status.SKIPPED, Status.UNSUPPORTED)
    return [(r.id, r.reason, r.diagnosis) for r in found.results if r.status not in fine]


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")  # of torchdiffeq
@pytest.mark.parametrize("layer", RIGHT, ids=lambda x: x.name)
@pytest.mark.parametrize("posed", [TANH, CONVOLUTION], ids=lambda p: p.name)
def test_a_right_layer_is_verified_on_a_field_of_the_users_own(layer, posed):
    found = run(layer, posed)
    assert not_passed(found) == []
    assert found.is_verified(layer.name)
    assert verdict(found, layer.name).text.startswith(f"right: verified on your field {posed.name} for the ")
    assert run_verdict(found) == f"The layer is right on your field {posed.name}"


NAMED = {mutant.name: mutant.layer for mutant in MUTANTS}
SEEN = {
    "stage-times-at-start": "forward-order",
    "weight-typo": "forward-order",
    "batch-mean": "batch-independence",
    "wrong-sign": "gradient-order",
    "mean-over-batch": "gradient-order",
    "one-group-missing": "gradient-completeness",
    "transposed-jacobian": "gradient-order",
    "time-frozen-at-end": "gradient-order",
    "frozen-state": "gradient-order",
}


def failed(name, posed):
    return {r.check for r in run(NAMED[name], posed).results if r.status in WRONG}


@pytest.mark.parametrize("name", SEEN)
def test_a_wrong_layer_fails_on_a_field_of_the_users_own(name):
    assert SEEN[name] in failed(name, TANH)


SYMMETRIC = problem(SymmetricGradient, name="symmetric")
BLIND = [
    ("stage-times-at-start", AUTONOMOUS, "evaluates it at wrong times"),
    ("time-frozen-at-end", AUTONOMOUS, "evaluates it at wrong times"),
    ("transposed-jacobian", SYMMETRIC, "a transposed Jacobian gives the same gradient"),
]


@pytest.mark.parametrize(("name", "posed", "text"), BLIND)
def test_a_mistake_that_cannot_be_seen_passes_and_is_told(name, posed, text):
    found = run(NAMED[name], posed)
    assert not_passed(found) == []
    ((_, _, sentences),) = unseen(found)
    assert any(text in sentence for sentence in sentences)


def test_at_kinks_orders_decide_nothing_and_the_layer_is_not_verified():
    found = run(OWN[0], RELU)
    open_ = {r.check: r.reason for r in found.results if r.status is Status.INCONCLUSIVE}
    assert {"forward-order", "gradient-order"} <= open_.keys()
    assert all("its Jacobian jumps" in reason for reason in open_.values())
    assert {r.status for r in found.results} <= {Status.PASSED, Status.SKIPPED, Status.INCONCLUSIVE}
    assert verdict(found, OWN[0].name).text.startswith("NOT VERIFIED")


def test_a_parameter_without_effect_needs_no_gradient():
    found = run(OWN[0], SYMMETRIC, select="gradient-completeness")  # the bias of its potential
    assert not_passed(found) == []


def test_only_checks_for_such_fields_run_and_the_adapter():
    chosen = selected("*", own=True)
    assert {check.id for check in chosen if not check.own} == {"adapter"}
    found = run(OWN[0], TANH, select="forward-order")
    assert {(r.check, r.problem) for r in found.results} == {
        ("adapter", "neural"),
        ("forward-pass", "tanh"),
        ("forward-order", "tanh"),
    }


def test_of_the_other_checks_none_counts_as_left_out():
    assert run(OWN[0], TANH).left_out(OWN[0].name) == ()


def test_the_suite_takes_no_part():
    for check in selected("*", own=True):
        names = {p.name for p in problems_of(check, SMOKE, own=(TANH, AUTONOMOUS))}
        assert names == ({"neural"} if check.id == "adapter" else {"tanh", "autonomous"})


def test_a_layer_of_second_order_is_not_asked():
    card = LayerCard("mine", "", "n_steps", supports=("second-order",))
    plan = make_plan([card], profile="smoke", select="gradient-order", seed=0, problems=(TANH,))
    reasons = {left_out(card, check, plan.profile, plan.problems) for check in plan.checks}
    assert reasons == {"fields of your own are asked only of layers that solve y' = f(t, y)"}


def test_several_fields_are_named_in_the_verdict():
    found = run(OWN[0], [TANH, AUTONOMOUS], select="forward-order")
    assert on_own_fields(found) == " on your fields tanh, autonomous"


def test_the_record_has_the_fields_and_what_they_cannot_reveal():
    found = run(OWN[0], AUTONOMOUS, select="forward-pass")
    (card,) = from_json(to_json(found)).problems
    assert (card.name, card.target) == ("autonomous", "")
    assert card.size == "4 members of shape (2,), 42 parameters, from t = 0.5 to 1.25"
    assert card.cannot_reveal == found.problems[0].cannot_reveal != ()


def test_a_run_on_the_suite_says_nothing_of_fields():
    found = nodecheck.run(OWN[0], profile="smoke", select="forward-pass")
    assert (found.problems, unseen(found), on_own_fields(found)) == ((), (), "")


def _same(_dynamics, y0, _t):
    return y0


def test_an_audit_serves_as_a_problem():
    audit = nodecheck.Audit(
        "mine", _same, seeded(Perceptron), batch(4, 2), own_fields.torch.tensor([0.0, 1.0])
    )
    (posed,) = given_problems(audit)
    assert (posed.name, posed.t0, posed.t1) == ("mine", 0.0, 1.0)
    assert list(posed.params) == list(TANH.params)


GATE = [
    (own_fields.Dropping, r"got not a function: two calls .* differ by [\d.]+ .* Use eval mode"),
    (own_fields.Normalised, "got state changes: each call changes norm.running_mean"),
    (own_fields.Casting, "got float32 inside: float64 values carry noise of .*e-0[789]"),
    (
        own_fields.Detached,
        "got gradient of the field: with respect to the state autograd gives 0, difference",
    ),
]


@pytest.mark.parametrize(("kind", "text"), GATE)
def test_what_is_no_field_is_refused_before_anything_runs(kind, text):
    with pytest.raises(ValueError, match=text):
        run(OWN[0], problem(kind))


@pytest.mark.parametrize("posed", [TANH, CONVOLUTION, RELU, SYMMETRIC], ids=lambda p: p.name)
def test_a_field_passes_the_gate(posed):
    require_field(posed)


CARD = LayerCard("mine", "", "n_steps")


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        ((TANH, TANH), "a problem needs a name of its own, got 'tanh', given twice; give it another one"),
        ((problem(name="neural"),), "got 'neural', that of a problem of nodecheck; give it another one"),
    ],
)
def test_a_name_that_is_taken_is_refused(problems, text):
    with pytest.raises(ValueError, match=text):
        make_plan([CARD], profile="smoke", select="*", seed=0, problems=problems)


def test_a_check_that_brings_its_own_field_cannot_be_selected():
    with pytest.raises(
        ValueError, match="got memory-law; with --problem these are: forward-pass, backward-pass"
    ):
        make_plan([CARD], profile="smoke", select="memory-law", seed=0, problems=(TANH,))


@pytest.mark.parametrize("given", ["mine.py:PROBLEM", 3, Perceptron()])
def test_what_is_no_problem_is_refused(given):
    with pytest.raises(TypeError, match=r"expected a problem, `nodecheck.problems.from_module\(.*, got "):
        given_problems(given)


def test_a_check_has_more_time_on_a_network():
    plan = make_plan([CARD], profile="smoke", select="*", seed=0, problems=(TANH,))
    assert plan.profile.seconds == OWN_FIELDS_TAKE * SMOKE.seconds


def test_times_backwards_are_solved_backwards():
    posed = from_module("back", seeded(Perceptron), batch(4, 2), 1.0, 0.0)
    assert not_passed(run(OWN[0], posed)) == []
