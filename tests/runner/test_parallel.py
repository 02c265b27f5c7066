"""Several processes at a time: layers and checks that run beside each other, and errors."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import CancelledError

import pytest

from nodecheck.results import LayerCard, Measurement, Outcome, Result
from nodecheck.runner.examine import examine
from nodecheck.runner.parallel import examine_in_parallel
from nodecheck.runner.plan import make_plan

CARDS = [LayerCard(name, "", "n_steps") for name in "abcd"]
PLAN = make_plan(CARDS, profile="smoke", select="constant-field", seed=0)


class Watch:
    """Runs no layer: notes which checks are running at the same time."""

    def __init__(self, *, raises="", raises_at="", fails="", seconds=0.02):
        self.running, self.together, self.opened, self.closed = [], [], 0, 0
        self.raises, self.raises_at, self.fails = raises, raises_at, fails
        self.lock, self.seconds = threading.Lock(), seconds

    def measuring(self):
        return Context(self)

    def measure(self, card, check, problem, aborted):
        if self.raises == card.name or self.raises_at == check.id:
            msg = "not the layer's fault"
            raise OSError(msg)
        with self.lock:
            self.running.append(check.id)
            self.together.append(tuple(self.running))
        if aborted.wait(self.seconds):
            raise CancelledError
        with self.lock:
            self.running.remove(check.id)
        name = problem.name if problem else ""
        measurements = (Measurement("x", 2 if check.id == self.fails else 0, 1),)
        return Result(card.name, check.id, name, Outcome.MEASURED, "", measurements=measurements)


class Context:
    def __init__(self, watch):
        self.watch, self.aborted = watch, threading.Event()

    def __enter__(self):
        self.watch.opened += 1
        return lambda *arguments: self.watch.measure(*arguments, self.aborted)

    def __exit__(self, *details):
        self.watch.closed += 1

    def abort(self):
        self.aborted.set()


@pytest.mark.parametrize("jobs", [2, 3, 9])
def test_every_layer_gets_every_result_once(jobs):
    found = list(examine_in_parallel(PLAN, jobs, Watch().measuring))
    assert sorted(r.layer for r in found) == sorted("abcd" * len(PLAN.checks))
    assert len({r.id for r in found}) == len(found)


def test_layers_do_run_at_the_same_time():
    watch = Watch()
    list(examine_in_parallel(PLAN, 2, watch.measuring))
    assert max(map(len, watch.together)) == 2


def test_results_that_are_there_already_are_not_measured_again():
    first = list(examine_in_parallel(PLAN, 2, Watch().measuring))
    watch = Watch()
    again = list(examine_in_parallel(PLAN, 2, watch.measuring, first))
    assert not watch.together
    assert {r.id for r in again} == {r.id for r in first}


def test_what_a_thread_raises_reaches_the_one_who_waits():
    watch = Watch(raises="c")
    with pytest.raises(OSError, match="not the layer's fault"):
        list(examine_in_parallel(PLAN, 2, watch.measuring))
    assert 0 < watch.opened == watch.closed


def test_who_stops_listening_stops_the_threads_at_once():
    watch = Watch()
    results = examine_in_parallel(PLAN, 2, watch.measuring)
    next(results)
    watch.seconds = 60
    begun = time.monotonic()
    results.close()
    assert time.monotonic() - begun < 10
    assert 0 < watch.opened == watch.closed


ALL = make_plan(CARDS[:1], profile="smoke", select="*", seed=0)
MEASURED = [r.check for r in examine(ALL, Watch().measuring().__enter__()) if r.outcome is Outcome.MEASURED]


@pytest.fixture
def one_layer():
    """Examine one layer with three threads; return the watch and the results."""
    watch = Watch()
    return watch, list(examine_in_parallel(ALL, 3, watch.measuring))


def test_the_checks_of_one_layer_run_beside_each_other(one_layer):
    watch, _ = one_layer
    assert max(map(len, watch.together)) == 3
    assert 1 < watch.opened == watch.closed <= 3


def test_the_checks_of_one_layer_give_every_result_once(one_layer):
    _, found = one_layer
    assert sorted({r.check for r in found}) == sorted(check.id for check in ALL.checks)
    assert sorted(r.check for r in found if r.outcome is Outcome.MEASURED) == sorted(MEASURED)


def test_what_others_need_runs_before_them(one_layer):
    watch, _ = one_layer
    assert watch.together[:3] == [("adapter",), ("forward-pass",), ("backward-pass",)]


def test_nothing_that_means_nothing_is_measured_by_a_helper():
    watch = Watch(fails="forward-pass")
    found = list(examine_in_parallel(ALL, 3, watch.measuring))
    assert watch.together == [("adapter",), ("forward-pass",)]
    assert len(found) == len(ALL.checks)


def test_an_error_in_a_helper_reaches_the_one_who_waits():
    watch = Watch(raises_at=MEASURED[-1])
    with pytest.raises(OSError, match="not the layer's fault"):
        list(examine_in_parallel(ALL, 3, watch.measuring))
    assert 0 < watch.opened == watch.closed


def test_an_error_in_what_others_need_leaves_no_helper_waiting():
    with pytest.raises(OSError, match="not the layer's fault"):
        list(examine_in_parallel(ALL, 3, Watch(raises_at="forward-pass").measuring))


def test_few_checks_are_not_shared():
    watch = Watch()
    plan = dataclasses.replace(PLAN, cards=PLAN.cards[:1])
    list(examine_in_parallel(plan, 3, watch.measuring))
    assert watch.opened == 1


def test_a_plan_without_layers_has_no_results():
    assert list(examine_in_parallel(dataclasses.replace(PLAN, cards=()), 2, Watch().measuring)) == []
