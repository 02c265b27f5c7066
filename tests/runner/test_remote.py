"""A layer in a child process gives the solutions that it gives in this one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nodecheck.layers import LayerUnderTest, Solve, TorchLayer
from nodecheck.neural_ode import ODELayer
from nodecheck.options.profile import CI
from nodecheck.problems import wide
from nodecheck.results import Inconclusive
from nodecheck.runner.children import describe
from nodecheck.runner.isolation import Child
from nodecheck.runner.remote import LayerLost, RemoteBackend

LIMIT = 2**32
PROBLEM = wide(64)
ONES = (np.ones_like(PROBLEM.y0),)


def right(dynamics, t0, t1, n_steps):
    return ODELayer(dynamics, t0, t1, n_steps, solver="rk4")


def raising(dynamics, t0, t1, n_steps):
    def solve(y0):
        message = "not today"
        raise ValueError(message)

    return solve


def leaving(dynamics, t0, t1, n_steps):
    def solve(y0):
        raise SystemExit(3)

    return solve


def hanging(dynamics, t0, t1, n_steps):
    def solve(y0):
        while True:
            dynamics(t0, y0)

    return solve


def traced(dynamics, t0, t1, n_steps):
    def solve(y0):
        t, y = torch.tensor(t0, dtype=y0.dtype), y0
        field = torch.jit.trace(dynamics, (t, y), check_trace=False)
        for _ in range(n_steps):  # it is compiled when it is called again
            y = y + (t1 - t0) / n_steps * field(t, y)
        return y

    return solve


LAYERS = tuple(TorchLayer(build.__name__, build) for build in (right, raising, leaving, hanging, traced))
LOCAL = {layer.name: layer for layer in LAYERS}


@pytest.fixture(scope="module")
def cards():
    return {card.name: card for card in describe([f"{Path(__file__)}:LAYERS"], LIMIT).layers}


@pytest.fixture(scope="module")
def remote(cards):
    """Return a function that gives a layer by its name, in a child process."""
    with Child(LIMIT) as child:
        yield lambda name, seconds=60: LayerUnderTest(
            cards[name], CI, backend=RemoteBackend(child, cards[name], seconds)
        )


@pytest.mark.parametrize("instruments", [("saved", "live"), ("products",)], ids="+".join)
def test_a_remote_solution_is_that_of_this_process(remote, instruments):
    local = LayerUnderTest(LOCAL["right"], CI)
    here, there = (
        layer.fresh(Solve(PROBLEM, 4), ONES, instruments=instruments) for layer in (local, remote("right"))
    )
    assert np.array_equal(there.y1, here.y1)
    assert there.readings == here.readings
    assert there.calls == here.calls


def test_a_remote_layer_that_is_built_only_is_not_called(remote):
    found = remote("raising").fresh(Solve(PROBLEM, 4), instruments=("build",))
    assert (found.evaluations, found.readings.state_bytes) == (0, PROBLEM.y0.nbytes)


def test_an_error_of_a_remote_layer_comes_back_as_its_words(remote):
    with pytest.raises(LayerLost, match=r"^ValueError: not today$"):
        remote("raising").solve(PROBLEM, 4)


def test_an_error_of_a_remote_layer_says_where_it_was_raised(remote):
    with pytest.raises(LayerLost) as caught:
        remote("raising").solve(PROBLEM, 4)
    assert caught.value.where.startswith("Raised in solve (runner/test_remote.py, line ")


def test_a_remote_layer_that_exits_is_lost_with_its_process(remote):
    with pytest.raises(LayerLost, match="SystemExit: 3"):
        remote("leaving").solve(PROBLEM, 4)


def test_a_remote_layer_that_hangs_is_stopped_in_time(remote):
    with pytest.raises(LayerLost, match="1 seconds"):
        remote("hanging", seconds=1).solve(PROBLEM, 4)


def test_a_layer_can_be_asked_after_another_one_was_lost(remote):
    with pytest.raises(LayerLost):
        remote("hanging", seconds=1).solve(PROBLEM, 4)
    assert remote("right").solve(PROBLEM, 4, wrt=("y0",)).evaluations == 16


def test_a_remote_backend_changes_nothing_of_this_process(remote):
    before = np.random.get_state()[1].copy()  # noqa: NPY002  (the global state is what is looked at)
    with remote("right").backend.isolated(3):
        pass
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_remote_layer_that_no_instrument_can_follow_is_not_judged(remote):
    with pytest.raises(Inconclusive, match=r"^nodecheck's instruments \(live, saved\) cannot follow"):
        remote("traced").fresh(Solve(PROBLEM, 4), ONES, instruments=("saved", "live"))
