"""A layer under test is asked once for each solve, by value, and has ladders and cotangents of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nodecheck.layers import LayerUnderTest, Solve, TorchLayer, Variation
from nodecheck.numerics.constants import COTANGENT_UNIT
from nodecheck.options.profile import CI, FULL, SMOKE
from nodecheck.problems import linear, spiral


class Counted:
    """A layer of one Euler step under test, and the number of its forward passes."""

    def __init__(self, seed=0, **claims):
        self.passes = 0
        self.layer = LayerUnderTest(TorchLayer("counted", self._build, **claims), CI, seed)

    def _build(self, dynamics, t0, t1, n_steps):
        def solve(y0):
            self.passes += 1
            for i in range(n_steps):
                h = (t1 - t0) / n_steps
                y0 = y0 + h * dynamics(t0 + i * h, y0)
            return y0

        return solve


@pytest.fixture
def counted():
    return Counted()


def equal(problem):
    """Return a problem that is equal, and another object."""
    return problem.replace(y0=np.array(problem.y0))


def test_a_solve_is_run_once(counted):
    assert counted.layer.solve(linear, 4) is counted.layer.solve(linear, 4)
    assert counted.passes == 1


def test_a_solve_of_an_equal_problem_is_not_run_again(counted):
    assert counted.layer.solve(linear, 4) is counted.layer.solve(equal(linear), 4)


def test_a_number_of_steps_may_be_written_as_a_float(counted):
    assert Solve(linear, 4) == Solve(linear, 4.0)


@pytest.mark.parametrize(
    "other",
    [
        {"problem": spiral},
        {"resolution": 5},
        {"dtype": "float32"},
        {"variation": Variation("eval-mode")},
        {"variation": Variation("nested")},
        {"wrt": ("y0",)},
        {"limit": 100},
    ],
    ids=lambda other: " ".join(other),
)
def test_a_solve_that_differs_in_one_thing_is_run_by_itself(counted, other):
    solve = Solve(linear, 4)
    counted.layer.solution(solve)
    counted.layer.solution(replace(solve, **other))
    assert counted.passes == 2


def test_another_cotangent_is_another_solution(counted):
    ones = np.ones_like(linear.y0)
    for cotangent in (ones, ones.copy(), 2 * ones):
        counted.layer.solution(Solve(linear, 4), (cotangent,))
    assert counted.passes == 2


def test_a_cotangent_in_another_dtype_is_another_solution(counted):
    ones = np.ones_like(linear.y0)
    for cotangent in (ones, ones.astype(np.float32)):
        counted.layer.solution(Solve(linear, 4), (cotangent,))
    assert counted.passes == 2


def test_instruments_make_another_solution(counted):
    for instruments in ((), ("changes",), ("products",)):
        counted.layer.solution(Solve(linear, 4), instruments=instruments)
    assert counted.passes == 4  # a watched solution takes two passes


def test_what_a_layer_raised_is_asked_for_again():
    calls = []

    def build(_dynamics, _t0, _t1, n_steps):
        calls.append(n_steps)
        raise ZeroDivisionError

    layer = LayerUnderTest(TorchLayer("raises", build), CI)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            layer.solve(linear, 4)
    assert calls == [4, 4]


def test_a_fresh_solution_is_run_whatever_is_known(counted):
    first, second = (counted.layer.fresh(Solve(linear, 4)) for _ in range(2))
    assert first is not second
    assert counted.passes == 2


def test_a_fresh_solution_is_not_kept(counted):
    counted.layer.fresh(Solve(linear, 4))
    counted.layer.solve(linear, 4)
    assert counted.passes == 2


def test_each_cotangent_costs_one_forward_pass(counted):
    counted.layer.gradients(linear, 4, 3)
    assert counted.passes == 3


def test_gradients_ask_only_for_missing_cotangents(counted):
    counted.layer.gradients(linear, 4, 1)
    counted.layer.gradients(linear, 4, 3)
    assert counted.passes == 3


def test_gradients_that_are_all_known_cost_nothing(counted):
    few = counted.layer.gradients(linear, 4, 3)
    assert counted.layer.gradients(equal(linear), 4, 2) == few[:2]
    assert counted.passes == 3


def test_a_forward_pass_that_came_with_gradients_is_not_run_again(counted):
    counted.layer.gradients(linear, 4, 1)
    counted.layer.solve(linear, 4)
    assert counted.passes == 1


def test_a_pullback_of_the_first_cotangent_is_that_of_the_gradients(counted):
    (cotangent,) = counted.layer.cotangents(linear, 1)
    first = counted.layer.gradients(linear, 4, 1)[0]
    assert counted.layer.pullback(linear, 4, cotangent.copy()) is first


def test_gradients_come_in_the_order_of_their_cotangents(counted):
    cotangents = counted.layer.cotangents(linear, 3)
    counted.layer.pullback(linear, 4, cotangents[1])
    for cotangent, pullback in zip(cotangents, counted.layer.gradients(linear, 4, 3), strict=True):
        (alone,) = counted.layer.fresh(Solve(linear, 4), (cotangent,)).pullbacks
        assert np.array_equal(alone.gradients["y0"], pullback.gradients["y0"])


def test_what_is_computed_once_is_computed_once(counted):
    found = [counted.layer.once(("a", linear), lambda k=k: k) for k in range(3)]
    assert found == [0, 0, 0]


def test_the_evaluations_of_one_more_step_are_counted(counted):
    assert counted.layer.evaluations_per_step(linear) == 1


@pytest.mark.parametrize(("order", "levels"), [(None, 8), (1, 8), (3, 8), (5, 8), (6, 4)])
def test_the_ladder_starts_coarser_from_order_six_on(order, levels):
    assert Counted(order=order).layer.ladder()[0] == levels


@pytest.mark.parametrize("profile", [SMOKE, CI, FULL], ids=lambda profile: profile.name)
@pytest.mark.parametrize("order", [1, 3, 6])
def test_each_level_of_the_ladder_has_twice_the_steps(order, profile):
    ladder = LayerUnderTest(Counted(order=order).layer.claims, profile).ladder()
    assert ladder == tuple(ladder[0] * 2**k for k in range(len(ladder)))


@pytest.mark.parametrize("profile", [SMOKE, CI, FULL], ids=lambda profile: profile.name)
def test_from_order_three_on_one_level_less_is_enough_but_not_fewer_than_four(profile):
    slow, fast = (
        len(LayerUnderTest(Counted(order=order).layer.claims, profile).ladder()) for order in (2, 3)
    )
    assert (slow, fast) == (profile.levels, max(4, profile.levels - 1))


def test_a_ladder_of_so_many_levels_has_so_many(counted):
    assert counted.layer.ladder(2) == (8, 16)


@pytest.mark.parametrize("profile", [SMOKE, CI, FULL], ids=lambda profile: profile.name)
def test_a_sweep_goes_down_by_decades_from_a_thousandth(profile):
    tolerances = LayerUnderTest(Counted().layer.claims, profile).tolerances()
    assert tolerances == tuple(10.0**-k for k in range(3, 4 + profile.decades))


def test_cotangents_have_the_shape_of_the_state(counted):
    assert {c.shape for c in counted.layer.cotangents(linear)} == {linear.y0.shape}


def test_there_are_as_many_cotangents_as_the_profile_asks_for(counted):
    assert len(counted.layer.cotangents(linear)) == CI.cotangents


def test_fewer_cotangents_are_the_first_ones(counted):
    few, all_of_them = counted.layer.cotangents(linear, 2), counted.layer.cotangents(linear)
    assert np.array_equal(few, all_of_them[:2])


def test_cotangents_are_those_of_the_seed():
    assert np.array_equal(*(Counted(seed=3).layer.cotangents(linear) for _ in range(2)))


def test_another_seed_gives_other_cotangents():
    assert not np.array_equal(*(Counted(seed=seed).layer.cotangents(linear) for seed in (3, 4)))


def test_cotangents_are_multiples_that_float32_does_not_represent(counted):
    entries = np.concatenate([c.ravel() for c in counted.layer.cotangents(linear)])
    multiples = np.round(entries * COTANGENT_UNIT)
    assert np.array_equal(entries, multiples / COTANGENT_UNIT)
    whole = multiples % COTANGENT_UNIT == 0
    assert np.array_equal(entries.astype(np.float32) == entries, whole)


def test_the_same_salt_gives_the_same_numbers(counted):
    assert counted.layer.rng(7).random() == counted.layer.rng(7).random()


def test_another_salt_gives_other_numbers(counted):
    assert counted.layer.rng(7).random() != counted.layer.rng(8).random()
