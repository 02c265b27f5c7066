"""A layer that never ends costs one result; the limit is not for the layer to swallow."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import time

import pytest

from nodecheck.layers import TorchLayer
from nodecheck.options.profile import SMOKE
from nodecheck.results import Status
from nodecheck.runner.examine import examine
from nodecheck.runner.measure import InProcess
from nodecheck.runner.plan import card_of, make_plan
from nodecheck.runner.time_limit import TimeLimitExceeded, time_limit


def endless(dynamics, t0, t1, n_steps):
    def run(y0):
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)

    return run


def test_what_takes_too_long_is_ended():
    with pytest.raises(TimeLimitExceeded, match=r"did not end within 0.05 seconds"), time_limit(0.05):
        time.sleep(5)


def test_what_ends_in_time_is_left_alone():
    with time_limit(0.05):
        pass
    time.sleep(0.1)


def test_a_layer_that_never_ends_costs_one_error():
    layer, quick = TorchLayer("endless", endless), dataclasses.replace(SMOKE, seconds=0.2)
    plan = make_plan([card_of(layer)], profile="smoke", select="*", seed=0)
    results = list(examine(dataclasses.replace(plan, profile=quick), InProcess([layer], quick, 0)))
    errors = [r for r in results if r.status is Status.ERROR]
    assert [(r.check, "did not end" in r.reason) for r in errors] == [("adapter", True)]
    assert {r.status for r in results} == {Status.ERROR, Status.SKIPPED}


@pytest.fixture
def rung():
    """Set an alarm for later, and return what it has told."""
    told = []
    before = signal.signal(signal.SIGALRM, lambda number, _: told.append(number))

    def after(seconds, every=0.0):
        signal.setitimer(signal.ITIMER_REAL, seconds, every)
        return told

    yield after
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def sleep(seconds):
    """Sleep, over all alarms."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def test_an_alarm_that_surrounds_it_goes_on_behind_it(rung):
    told = rung(0.3)
    with time_limit(10):
        sleep(0.01)
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < left <= 0.29
    sleep(0.4)
    assert told == [signal.SIGALRM]


def test_an_alarm_that_surrounds_it_rings_inside_when_it_is_due(rung):
    told = rung(0.05)
    with time_limit(10):
        sleep(0.2)
        assert told == [signal.SIGALRM]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_alarm_that_has_rung_inside_does_not_lift_the_limit(rung):
    told = rung(0.05)
    with pytest.raises(TimeLimitExceeded), time_limit(0.2):
        sleep(10)
    assert told == [signal.SIGALRM]


def test_an_alarm_that_rings_again_and_again_does_so_inside_and_behind(rung):
    told = rung(0.05, 0.05)
    with time_limit(10):
        sleep(0.3)
        inside = len(told)
    sleep(0.3)
    assert inside >= 2
    assert len(told) >= inside + 2


def test_what_a_surrounding_alarm_raises_comes_through(rung):
    class Ended(Exception):
        pass

    def ring(number, frame):
        raise Ended

    rung(0.05)
    signal.signal(signal.SIGALRM, ring)
    with pytest.raises(Ended), time_limit(10):
        sleep(10)
