"""A layer that never ends costs one result; the limit is not for the layer to swallow."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import pytest

from nodecheck.layers import TorchLayer
from nodecheck.profiles import SMOKE
from nodecheck.results import Status
from nodecheck.runner import InProcess, card_of, examine, make_plan
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
