"""`@nodecheck.parametrize`: what it makes of a test, and what `check()` does."""

from __future__ import annotations

import dataclasses

import pytest

import nodecheck
from nodecheck.frontends.pytest.layer_check import CheckFailed, label
from nodecheck.layers import TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.results import Outcome, Status

QUICK = {"profile": "smoke", "select": "constant-field"}


def rk4(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4")


def one_step_more(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1 + (t1 - t0) / n_steps, n_steps + 1, solver="euler")


def raising(dynamics, t0, t1, n_steps):
    message = "not today"
    raise RuntimeError(message)


def checks(layers, **options):
    """Return what a test gets for `check`, by id."""
    return {p.id: p.values[0] for p in nodecheck.parametrize(layers, **{**QUICK, **options}).args[1]}


def test_there_is_a_test_for_each_layer_and_check():
    assert list(checks([TorchLayer("a", rk4), TorchLayer("b", rk4)])) == [
        "a-adapter",
        "a-forward-pass",
        "a-constant-field",
        "b-adapter",
        "b-forward-pass",
        "b-constant-field",
    ]


def test_checks_that_are_never_asked_of_a_layer_are_left_out():
    assert "a-forward-tolerance" not in checks(TorchLayer("a", rk4), select="forward-*")


def test_a_right_layer_passes():
    checks(TorchLayer("a", rk4))["a-constant-field"]()


def test_a_wrong_layer_is_a_failed_assertion():
    with pytest.raises(AssertionError, match="Constant field is not integrated exactly"):
        checks(TorchLayer("a", one_step_more))["a-constant-field"]()


def test_the_failure_has_the_value_and_its_bound():
    with pytest.raises(CheckFailed, match=r"elapsed time: value 0\.0875, bound at most"):
        checks(TorchLayer("a", one_step_more))["a-constant-field"]()


def test_an_expected_failure_is_one_for_pytest():
    layer = TorchLayer("a", one_step_more, expected_failures={"constant-field": "known"})
    with pytest.raises(pytest.xfail.Exception, match="known"):
        checks(layer)["a-constant-field"]()


def test_an_expected_failure_that_passes_fails():
    layer = TorchLayer("a", rk4, expected_failures={"constant-field": "was known"})
    with pytest.raises(CheckFailed, match="passed, but was expected to fail"):
        checks(layer)["a-constant-field"]()


def test_a_check_that_means_nothing_is_skipped():
    found = checks(TorchLayer("a", raising))
    with pytest.raises(CheckFailed, match="not today"):
        found["a-forward-pass"]()
    with pytest.raises(pytest.skip.Exception, match="means nothing while forward-pass fails"):
        found["a-constant-field"]()


def test_a_check_alone_runs_without_those_before_it():
    with pytest.raises(CheckFailed, match="not today"):
        checks(TorchLayer("a", raising))["a-constant-field"]()


def test_two_tests_of_a_layer_share_its_runs():
    builds = []

    def counting(dynamics, t0, t1, n_steps):
        builds.append(n_steps)
        return rk4(dynamics, t0, t1, n_steps)

    layer = TorchLayer("a", counting)
    checks(layer)["a-forward-pass"]()
    once = len(builds)
    checks(layer)["a-forward-pass"]()
    assert len(builds) == once > 0


def test_what_was_found_stays_with_the_check():
    check = checks(TorchLayer("a", rk4))["a-constant-field"]
    check()
    assert [r.status for r in check.results] == [Status.PASSED]


@pytest.mark.parametrize(
    ("statuses", "raised"),
    [
        ("passed inconclusive", None),
        ("inconclusive skipped", pytest.skip.Exception),
        ("unsupported", pytest.skip.Exception),
        ("passed failed inconclusive", CheckFailed),
        ("error passed", CheckFailed),
    ],
)
def test_several_problems_are_one_outcome(statuses, raised):
    check = checks(TorchLayer("a", one_step_more))["a-constant-field"]
    check.measure()
    (failed,) = check.results
    passed = dataclasses.replace(failed, measurements=())
    made = {
        "failed": failed,
        "passed": dataclasses.replace(
            passed, measurements=tuple(dataclasses.replace(m, bound=m.value) for m in failed.measurements)
        ),
        "error": dataclasses.replace(passed, outcome=Outcome.ERROR),
        "inconclusive": dataclasses.replace(passed, outcome=Outcome.INCONCLUSIVE),
        "unsupported": dataclasses.replace(passed, outcome=Outcome.UNSUPPORTED),
        "skipped": dataclasses.replace(passed, outcome=Outcome.SKIPPED),
    }
    check.results = tuple(made[status] for status in statuses.split())
    assert [str(r.status) for r in check.results] == statuses.split()
    if raised is None:
        check.conclude()
    else:
        with pytest.raises(raised):
            check.conclude()


def test_a_selection_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must match the id of a check"):
        nodecheck.parametrize(TorchLayer("a", rk4), select="nothing")


def test_the_configuration_says_what_is_expected(tmp_path, monkeypatch):
    entry = '[[expect]]\nlayer = "a"\ncheck = "constant-field"\nreason = "configured"\n'
    (tmp_path / "nodecheck.toml").write_text(entry)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pytest.xfail.Exception, match="configured"):
        checks(TorchLayer("a", one_step_more))["a-constant-field"]()


@pytest.mark.parametrize("name", ["x" * 10_000, "a::b", "two\nlines", "\x1b[31mred"])
def test_a_name_that_is_none_for_an_id_gets_a_label_of_its_own(name):
    assert len(label(name)) < 100
    assert "::" not in label(name)
    assert label(name).isprintable()
    assert label(name) != label(name + "x")


@nodecheck.parametrize([TorchLayer("euler", ODELayer, order=1, adjoint="continuous")], **QUICK)
def test_it_works_in_this_very_suite(check):
    check()
