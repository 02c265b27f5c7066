"""The search for counterexamples finds the simplest, every time the same, and in time."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest
from hypothesis import configuration
from hypothesis import strategies as st

from nodecheck.measure import search as drawn
from nodecheck.measure.search import dyadic, dyadics, falsify


def test_the_simplest_counterexample_is_returned():
    assert falsify(st.integers(0, 1000), lambda n: n < 17, examples=200, random_seed=0) == 17


def test_the_simplest_list_has_one_simple_culprit():
    found = falsify(dyadics(4), lambda xs: max(xs) < 0.5, examples=200, random_seed=0)
    assert sorted(found) == [0.0, 0.0, 0.0, 0.5]


def test_there_is_none_where_the_property_holds():
    assert falsify(st.integers(), lambda n: n * n >= 0, examples=50, random_seed=0) is None


def test_no_more_examples_are_tried_than_asked_for():
    tried = []
    falsify(st.integers(), lambda n: tried.append(n) or True, examples=25, random_seed=0)
    assert 1 <= len(tried) <= 25


def values(seed):
    tried = []
    falsify(st.integers(), lambda n: tried.append(n) or True, examples=25, random_seed=seed)
    return tried


def test_the_same_seed_draws_the_same_values():
    assert values(3) == values(3)


def test_another_seed_draws_other_values():
    assert values(3) != values(4)


def test_random_numbers_elsewhere_do_not_matter():
    first = values(3)
    random.random()
    assert values(3) == first


def test_the_counterexample_is_one():
    found = falsify(st.tuples(dyadic(), dyadic()), lambda p: p[0] <= p[1], examples=100, random_seed=0)
    assert found[0] > found[1]


def test_shrinking_ends_in_time(monkeypatch):
    """Without a limit this property is tried a hundred times, for five seconds."""
    monkeypatch.setattr(drawn, "SHRINKING_SECONDS", 0.1)
    failed = []

    def slow(xs):
        time.sleep(0.05)
        if sum(xs) < 5000:
            return True
        failed.append(time.monotonic())
        return False

    assert sum(falsify(st.lists(st.integers(0, 10**6)), slow, examples=20, random_seed=0)) >= 5000
    assert failed[-1] - failed[0] < 0.1 + 10 * 0.05


def test_a_counterexample_stands_although_it_fails_only_once():
    """A property that changes its mind is flaky for Hypothesis; what was seen was seen."""
    seen = []

    def once(n):
        seen.append(n)
        return len(seen) != 3

    assert falsify(st.integers(), once, examples=20, random_seed=0) == seen[2]


def test_what_the_property_raises_is_not_swallowed():
    def raises(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        falsify(st.integers(), raises, examples=5, random_seed=0)


def test_dyadic_numbers_are_short():
    found = falsify(
        dyadic(-16, 16), lambda x: (8 * x).is_integer() and abs(x) <= 2, examples=50, random_seed=0
    )
    assert found is None


def test_the_search_writes_no_file(tmp_path):
    program = (
        "from hypothesis.strategies import integers\n"
        "from nodecheck.measure.search import falsify\n"
        "falsify(integers(), lambda _n: True, examples=100, random_seed=0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert os.listdir(tmp_path) == []


def test_the_search_leaves_the_storage_of_the_user_alone(tmp_path):
    before = configuration.storage_directory(intent_to_write=False).path
    configuration.set_hypothesis_home_dir(tmp_path)
    try:
        falsify(st.integers(), lambda _n: True, examples=1, random_seed=0)
        assert configuration.storage_directory(intent_to_write=False).path == tmp_path
    finally:
        configuration.set_hypothesis_home_dir(before)
