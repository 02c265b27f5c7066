"""A run goes on whatever a layer does, and says what happened."""

# ruff: noqa: ARG004, ARG005  (layers that ignore what they are given)

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.options.profile import PROFILES, RANKS
from nodecheck.results import LayerCard, Outcome, Status
from nodecheck.runner.examine import complete, examine
from nodecheck.runner.measure import blank
from nodecheck.runner.plan import card_of, make_plan, problems_of, selected
from nodecheck.runner.session import Session


def rk4(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint="discrete")


def right(name="right", **claims):
    return TorchLayer(name, rk4, **{"order": 4, "adjoint": "discrete", **claims})


def named(name, build):
    return TorchLayer(name, lambda dynamics, t0, t1, n_steps: build(rk4(dynamics, t0, t1, n_steps)), order=4)


def raises_forward(solve):
    def forward(y):
        msg = "mine"
        raise RuntimeError(msg)

    return forward


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y):
        return y.clone()

    @staticmethod
    def backward(ctx, cotangent):
        raise NotImplementedError


def changes_default_dtype(solve):
    def forward(y):
        torch.set_default_dtype(torch.float64)
        return solve(y)

    return forward


def exits(solve):
    def forward(y):
        raise SystemExit(0)

    return forward


SMOKE = {"profile": "smoke"}
ONE = {"profile": "smoke", "select": "constant-field"}


def by_check(run, name):
    return {result.check: result for result in run.of_layer(name)}


@pytest.fixture(scope="module")
def mixed():
    """One run over a right layer, layers that are broken in one way each, and a right one at the end."""
    broken = [
        named("raises forward", raises_forward),
        named("raises backward", lambda solve: lambda y: Broken.apply(solve(y))),
        named("returns nan", lambda solve: lambda y: solve(y) * torch.nan),
        named("returns a trajectory", lambda solve: lambda y: torch.stack([y, solve(y)])),
        named("changes the dtype", changes_default_dtype),
        named("exits", exits),
    ]
    return nodecheck.run([right("first"), *broken, right("last")], **SMOKE)


def test_a_right_layer_passes_the_smoke_profile(mixed):
    found = {r.status for r in mixed.of_layer("first")}
    assert found <= {Status.PASSED, Status.SKIPPED}


def test_a_right_layer_is_verified(mixed):
    assert mixed.is_verified("first")


def test_the_layer_after_broken_ones_has_the_numbers_of_the_one_before(mixed):
    pairs = zip(mixed.of_layer("first"), mixed.of_layer("last"), strict=True)
    assert all(a.measurements == b.measurements for a, b in pairs)


def test_every_layer_has_a_result_of_every_check(mixed):
    ids = [check.id for check in CHECKS]
    for card in mixed.layers:
        assert list(by_check(mixed, card.name)) == ids


@pytest.mark.parametrize(("name", "first"), [("raises forward", "forward-pass"), ("exits", "adapter")])
def test_a_layer_whose_forward_pass_raises_costs_one_error(mixed, name, first):
    assert [r.check for r in mixed.of_layer(name) if r.status is Status.ERROR] == [first]


def test_a_layer_of_which_the_adapter_returns_something_else_costs_one_failure(mixed):
    wrong = [r for r in mixed.of_layer("returns a trajectory") if r.status is not Status.SKIPPED]
    assert [(r.check, r.status) for r in wrong] == [("adapter", Status.FAILED)]


@pytest.mark.parametrize("name", ["raises forward", "returns a trajectory", "exits", "returns nan"])
def test_nothing_else_is_tried_on_a_layer_without_a_forward_pass(mixed, name):
    checks = by_check(mixed, name)
    assert {r.status for c, r in checks.items() if c not in ("adapter", "forward-pass")} == {Status.SKIPPED}


@pytest.mark.parametrize("name", ["raises forward", "returns nan"])
def test_what_is_skipped_for_want_of_a_forward_pass_says_so(mixed, name):
    assert by_check(mixed, name)["gradient-completeness"].reason == "means nothing while forward-pass fails"


def test_an_error_says_what_was_raised(mixed):
    assert by_check(mixed, "raises forward")["forward-pass"].reason == "RuntimeError: mine"


def test_an_error_says_where_in_the_code_of_the_layer(mixed):
    diagnosis = by_check(mixed, "raises forward")["forward-pass"].diagnosis
    assert "Raised in forward (runner/test_runner.py, line " in diagnosis


def test_a_wrong_adapter_is_told_what_mends_it(mixed):
    diagnosis = by_check(mixed, "returns a trajectory")["adapter"].diagnosis
    assert "return adapt.last(y, time_axis=0) for y" in diagnosis


def test_a_layer_that_returns_nan_fails_and_says_how_many(mixed):
    result = by_check(mixed, "returns nan")["forward-pass"]
    assert (result.status, result.diagnosis) == (Status.FAILED, "12 of 12 entries of y1 are NaN or infinite.")


def test_a_layer_whose_backward_pass_raises_costs_one_error(mixed):
    errors = [r.check for r in mixed.of_layer("raises backward") if r.status is Status.ERROR]
    assert errors == ["backward-pass"]


def test_the_forward_pass_of_a_layer_without_a_backward_pass_is_still_judged(mixed):
    assert by_check(mixed, "raises backward")["forward-order"].status is Status.PASSED


def test_no_gradient_is_judged_without_a_backward_pass(mixed):
    results, asked = by_check(mixed, "raises backward"), ("all", "fixed-step")
    of_gradient = [results[c.id] for c in CHECKS if c.needs == "backward-pass" and c.asked_of in asked]
    reasons = {r.reason for r in of_gradient if "profile" not in r.reason}
    assert reasons == {"means nothing while backward-pass fails"}


def test_a_layer_that_changes_the_default_dtype_is_told(mixed):
    result = by_check(mixed, "changes the dtype")["nothing-mutated"]
    assert (result.status, result.diagnosis) == (Status.FAILED, "Changed by the layer: default dtype.")


def test_a_layer_that_changes_the_default_dtype_fails_nothing_else(mixed):
    failed = [r.check for r in mixed.of_layer("changes the dtype") if r.status is Status.FAILED]
    assert failed == ["nothing-mutated"]


def test_settings_are_restored_after_a_run(mixed):
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float32, True)


def test_random_numbers_go_on_after_a_run_as_if_there_had_been_none():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    nodecheck.run(right(), **ONE)
    assert torch.equal(torch.rand(1), expected)


def test_a_layer_that_draws_random_numbers_draws_the_same_in_every_run():
    noisy = named("noisy", lambda solve: lambda y: solve(y) + 1e-3 * torch.rand_like(y))
    found = []
    for state in (1, 2):
        torch.manual_seed(state)
        found.append(nodecheck.run(noisy, **ONE).results[-1].measurements)
    assert found[0] == found[1]


def test_ctrl_c_ends_the_run():
    def interrupted(solve):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nodecheck.run(named("interrupted", interrupted), **ONE)


def test_a_failed_result_brings_lines_that_repeat_it(mixed):
    code = by_check(mixed, "changes the dtype")["nothing-mutated"].reproducer
    compile(code, "reproducer", "exec")
    assert "select='nothing-mutated'" in code


def test_a_passed_result_needs_no_reproducer(mixed):
    assert {r.reproducer for r in mixed.of_layer("first")} == {""}


def test_every_result_carries_its_title_theme_and_source(mixed):
    assert all(r.title and r.theme and r.cite for r in mixed.results)


def test_a_passed_result_has_the_title_and_a_failed_one_the_failure_title(mixed):
    check = next(c for c in CHECKS if c.id == "nothing-mutated")
    titles = [by_check(mixed, name)[check.id].title for name in ("first", "changes the dtype")]
    assert titles == [check.title, check.failure_title]


def test_a_run_carries_the_environment_and_the_version(mixed):
    assert mixed.environment["torch"].startswith(torch.__version__.split("+")[0])
    assert mixed.nodecheck_version == nodecheck.__version__


def test_a_run_carries_the_claims_of_its_layers(mixed):
    card = mixed.layers[0]
    assert (card.name, card.order, card.adjoint, card.resolution) == ("first", 4, "discrete", "n_steps")


def test_the_same_seed_gives_the_same_numbers():
    first, second = (nodecheck.run(right(), profile="smoke", select="gradient-order", seed=3) for _ in "ab")
    assert [r.measurements for r in first.results] == [r.measurements for r in second.results]


def test_another_seed_gives_other_numbers():
    first, second = (
        nodecheck.run(right(), profile="smoke", select="gradient-order", seed=s).results[-1] for s in (3, 4)
    )
    assert first.measurements != second.measurements
    assert (first.seed, second.seed) == (3, 4)


def test_a_single_layer_needs_no_list():
    assert nodecheck.run(right(), **ONE).layers[0].name == "right"


def test_layers_may_come_from_a_generator():
    assert len(nodecheck.run((right(name) for name in "ab"), **ONE).layers) == 2


@pytest.mark.parametrize(
    ("layers", "arguments", "received"),
    [
        ([right(), right()], {}, "'right' twice"),
        ([right(expected_failures={"gradient-ordre": "known"})], {}, "'gradient-ordre'"),
        ([right()], {"profile": "quick"}, "'quick'"),
        ([right()], {"select": "constant_field"}, "'constant_field'"),
    ],
    ids=["names", "expectation", "profile", "selection"],
)
def test_a_run_that_makes_no_sense_is_refused_before_anything_runs(layers, arguments, received):
    with pytest.raises(ValueError, match=r"must|need") as error:
        nodecheck.run(layers, **arguments)
    _, got, rest = str(error.value).partition(", got ")
    assert got
    assert rest.startswith(received)
    assert "; " in rest


@pytest.mark.parametrize("pattern", ["constant-field", "gradient-*", "*order"])
def test_a_selection_takes_what_matches_and_what_that_needs(pattern):
    import fnmatch

    chosen = selected(pattern)
    ids = [c.id for c in chosen]
    matching = [c for c in chosen if fnmatch.fnmatchcase(c.id, pattern)]
    assert matching
    assert {c.needs for c in matching} - {""} <= set(ids)
    assert {c.id for c in chosen if c not in matching} <= {"adapter", "forward-pass", "backward-pass"}


def test_a_selection_keeps_the_order_of_the_checks():
    assert [c for c in CHECKS if c in selected("*")] == list(selected("*"))


@pytest.mark.parametrize("name", PROFILES)
def test_a_check_runs_on_its_first_problems_only(name):
    for check in CHECKS:
        problems = problems_of(check, PROFILES[name])
        count = min(PROFILES[name].problems, 99 if name == "full" or check.most is None else check.most)
        more = {problem for _, problem in check.more}
        assert tuple(p for p in problems if p not in more) == (check.problems[:count] or (None,))


def test_the_full_profile_has_all_problems():
    for check in CHECKS:
        more = tuple(problem for _, problem in check.more)
        assert problems_of(check, PROFILES["full"]) == ((*check.problems, *more) or (None,))


@pytest.mark.parametrize("name", PROFILES)
def test_a_further_problem_is_used_from_its_profile_on(name):
    for check in CHECKS:
        for cheapest, problem in check.more:
            assert (problem in problems_of(check, PROFILES[name])) == (RANKS[cheapest] <= RANKS[name])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("resolution", ["n_steps", "tol"])
def test_the_size_of_a_plan_is_the_number_of_its_results(profile, resolution):
    cards = [LayerCard(name, "", resolution) for name in "ab"]
    plan = make_plan(cards, profile=profile, select="*", seed=0)
    assert plan.size == len(list(complete(plan, ())))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("resolution", ["n_steps", "tol"])
@pytest.mark.parametrize("fails", [True, False], ids=["fails", "passes"])
def test_the_runs_of_a_plan_are_those_that_are_made_or_spared(profile, resolution, fails):
    plan = make_plan([LayerCard("a", "", resolution)], profile=profile, select="*", seed=0)
    made = 0

    def measure(card, check, problem):
        nonlocal made
        made += 1
        nothing = blank(card.name, check, problem, 0)
        return nothing if fails else replace(nothing, outcome=Outcome.INCONCLUSIVE)

    spared = sum(plan.spared(result) for result in examine(plan, measure))
    assert plan.runs == made + spared
    assert (spared > 0) is fails
    assert made < plan.size


def expecting(*ids, **claims):
    return right(expected_failures=dict.fromkeys(ids, "known"), **claims)


def test_an_expected_failure_that_fails_is_xfailed():
    run = nodecheck.run(expecting("forward-order", order=2), profile="smoke", select="forward-order")
    found = [r for r in run.results if r.check == "forward-order"]
    assert Status.XFAILED in {r.status for r in found}
    assert ({r.expected for r in found}, run.exit_code()) == ({"known"}, 0)


def test_an_expected_failure_that_passes_is_xpassed():
    run = nodecheck.run(expecting("constant-field"), **ONE)
    assert (run.results[-1].status, run.exit_code()) == (Status.XPASSED, 1)


def test_an_expected_failure_that_does_not_apply_is_skipped():
    run = nodecheck.run(expecting("forward-tolerance"), profile="smoke", select="forward-tolerance")
    assert run.results[-1].status is Status.SKIPPED


def test_what_needs_an_expected_failure_is_skipped_too():
    broken = TorchLayer(
        "wrong",
        lambda dynamics, t0, t1, n_steps: raises_forward(None),
        expected_failures={"forward-pass": "known"},
    )
    run = nodecheck.run(broken, **ONE)
    assert [str(r.status) for r in run.results] == ["inconclusive", "xfailed", "skipped"]


def test_an_error_is_an_outcome_and_not_a_measurement():
    run = nodecheck.run(named("raises", raises_forward), **ONE)
    assert (run.results[1].outcome, run.results[1].measurements) == (Outcome.ERROR, ())


def test_adaptive_checks_are_not_asked_of_a_fixed_step_layer():
    run = nodecheck.run(right(), profile="smoke", select="forward-tolerance")
    assert run.results[-1].reason == "asked only of adaptive layers"


def test_checks_of_a_larger_profile_are_skipped_with_that_reason():
    late = next(check for check in CHECKS if check.profile == "ci" and check.asked_of != "adaptive")
    run = nodecheck.run(right(), profile="smoke", select=late.id)
    assert by_check(run, "right")[late.id].reason == "part of the ci profile"


def test_a_run_of_selected_checks_names_those_of_the_profile_that_were_left_out():
    run = nodecheck.run(right(), profile="smoke", select="forward-order")
    left = run.left_out("right")
    assert "constant-field" in left
    late = {check.id for check in CHECKS if check.profile != "smoke"}
    assert not {"forward-order", "forward-tolerance", *late} & set(left)


def test_nothing_is_left_out_of_a_plan_of_all_checks():
    plan = make_plan([card_of(right())], profile="smoke", select="*", seed=0)
    assert Session(plan).record(complete(plan, ())).left_out("right") == ()
