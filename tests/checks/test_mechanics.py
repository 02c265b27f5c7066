"""Layers of second order: what fails them, what passes, and what is said of an adapter."""

from __future__ import annotations

import dataclasses

import pytest
import right_mechanics
import torch
from right_mechanics import GENERAL, LAYERS, SEPARABLE, halves

import nodecheck
from nodecheck import TorchLayer
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.mechanics import MECHANICS
from nodecheck.options.profile import CI, PROFILES
from nodecheck.results import SCOPE, Skip, Status
from nodecheck.runner.plan import problems_of

BY_ID = {check.id: check for check in CHECKS}
BY_NAME = {layer.name: layer for layer in LAYERS}
CAUGHT = [(mutant, name) for mutant in MECHANICS for name in mutant.caught_by]
RIGHT = {layer.name: layer for layer in ORIGINALS if "second-order" in layer.supports}


def first_failure(layer, name):
    """Return the evidence of the first problem on which a check fails a layer; None if it does on none."""
    check, under_test = BY_ID[name], LayerUnderTest(layer, CI)
    for problem in problems_of(check, CI, layer.supports):
        try:
            found = check.measure(under_test, problem)
        except Skip:
            continue
        if not all(m.holds for m in found.measurements):
            return found
    return None


def smoke(layer, *select):
    return nodecheck.run(layer, profile="smoke", select=select or "*")


@pytest.mark.parametrize(("mutant", "name"), CAUGHT, ids=[f"{m.name}: {name}" for m, name in CAUGHT])
def test_a_mutant_is_caught_by_what_it_names(mutant, name):
    assert first_failure(mutant.layer, name)


@pytest.mark.parametrize(("original", "name"), sorted({(m.original.name, name) for m, name in CAUGHT}))
def test_its_original_is_not(original, name):
    assert not first_failure(RIGHT[original], name)


def test_a_drift_too_many_shows_nowhere_but_in_free_motion():
    (wrong,) = [mutant.layer for mutant in MECHANICS if mutant.name == "one-drift-too-many"]
    failed = {(r.check, r.problem) for r in smoke(wrong).results if r.status == Status.FAILED}
    assert failed == {("constant-field", "drift"), ("constant-field-gradient", "drift")}


def test_the_verdict_says_which_equations_were_looked_at():
    for name, force in (("velocity-verlet", "a(t, q)"), ("symplectic-euler", "a(t, q, v)")):
        run = smoke(BY_NAME[name], "forward-pass")
        assert run.results[-1].facts[SCOPE] == f"final state of q'' = {force} (float64, CPU)"


def test_results_are_filed_by_the_problem_that_was_solved():
    run = nodecheck.run(BY_NAME["velocity-verlet"], profile="ci", select="forward-order")
    names = {r.problem for r in run.results if r.check == "forward-order"}
    assert names == {"neural_force", "henon_heiles", "neural_reversed_force"}


@pytest.mark.parametrize("supports", [GENERAL, SEPARABLE], ids=len)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_the_problems_of_a_check_have_different_names(check, supports):
    names = [problem.name for problem in problems_of(check, PROFILES["full"], supports) if problem]
    assert len(set(names)) == len(names)


def leapfrog_for_all_forces(dynamics, t0, t1, n_steps):
    """Leapfrog that hands the velocity at hand to the force: of order two without velocities alone."""

    def solve(y0):
        (q, v), h = halves(y0), (t1 - t0) / n_steps
        for i in range(n_steps):
            t = t0 + i * h
            v = v + h / 2 * dynamics(t, q, v)
            q = q + h * v
            v = v + h / 2 * dynamics(t + h, q, v)
        return torch.cat([q, v], dim=-1)

    return solve


def test_leapfrog_of_order_two_is_told_to_claim_separable_forces():
    layer = TorchLayer("mine", leapfrog_for_all_forces, order=2, supports=GENERAL)
    assert "claim `supports={'second-order', 'separable'}`" in first_failure(layer, "forward-order").diagnosis


@pytest.mark.parametrize("claims", [{"order": 1, "supports": GENERAL}, {"order": 2, "supports": SEPARABLE}])
def test_it_is_right_with_either_claim(claims):
    run = smoke(TorchLayer("mine", leapfrog_for_all_forces, adjoint="discrete", **claims))
    assert run.count(Status.FAILED, Status.ERROR) == 0
    assert run.is_verified("mine")


@pytest.mark.parametrize(("name", "holds"), [("velocity-verlet", False), ("reversible-leapfrog", True)])
def test_constant_memory_is_measured_for_motions_too(name, holds):
    layer = dataclasses.replace(BY_NAME[name], memory="constant")
    assert (first_failure(layer, "memory-law") is None) is holds


def test_a_limit_of_the_step_shows_on_a_longer_interval():
    def limited(dynamics, t0, t1, n_steps):
        fewest = round(abs(t1 - t0) / 0.5)
        return right_mechanics.symplectic_euler(dynamics, t0, t1, max(n_steps, fewest))

    found = first_failure(TorchLayer("mine", limited, order=1, supports=GENERAL), "other-units")
    assert [m.name for m in found.measurements if not m.holds] == ["change on an interval 8 times as long"]


def calling(call):
    """Return a build whose only step calls the dynamics in some way."""

    def build(dynamics, t0, t1, n_steps):
        return lambda y0: y0 + (t1 - t0) * call(dynamics, t0, y0)

    return build


@pytest.mark.parametrize(
    ("supports", "call", "advice"),
    [
        (GENERAL, lambda f, t, y: f(t, y), "adapt.first_order(dynamics)"),
        (GENERAL, lambda f, t, y: f(t, y.chunk(2, -1)[0]), "{'second-order', 'separable'}"),
        (GENERAL, lambda f, t, y: f(t, *y.chunk(2, -1), t), "expected dynamics(t, q, v)"),
        (SEPARABLE, lambda f, t, y: f(y.chunk(2, -1)[0], t), "expected dynamics(t, q, v)"),
        (frozenset(), lambda f, t, y: f(t, y, y), "supports={'second-order'}"),
    ],
)
def test_a_call_in_another_way_is_a_mistake_of_the_adapter(supports, call, advice):
    found = first_failure(TorchLayer("mine", calling(call), supports=supports), "adapter")
    assert advice in found.diagnosis


def test_a_layer_in_a_child_process_is_asked_for_the_same_problems(tmp_path):
    from nodecheck.frontends.cli.main import main

    target = f"{right_mechanics.__file__}:LAYERS"
    arguments = ["check", target, "--layer", "velocity-verlet", "--profile", "smoke"]
    arguments += ["--select", "forward-order", "--output", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    stored = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert '"neural_reversed_force"' in stored


def test_a_claim_that_is_left_out_is_measured():
    unclaimed = dataclasses.replace(BY_NAME["velocity-verlet"], order=None, adjoint=None)
    run = smoke(unclaimed)
    assert run.count(Status.FAILED, Status.ERROR) == 0
