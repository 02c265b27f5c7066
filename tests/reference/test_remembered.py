"""Results that are computed once per problem."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from nodecheck.numerics.constants import CACHED_REFERENCES
from nodecheck.problems import linear, rotation
from nodecheck.reference import sensitivity
from nodecheck.reference.remembered import Remembered


@pytest.fixture
def counted():
    calls = []

    @Remembered
    def name_of(problem):
        calls.append(problem)
        return problem.name

    return name_of, calls


def test_a_result_is_computed_once(counted):
    name_of, calls = counted
    assert [name_of(linear), name_of(linear)] == ["linear", "linear"]
    assert calls == [linear]


def test_what_was_learnt_is_not_computed(counted):
    name_of, calls = counted
    name_of.learn(rotation, "from elsewhere")
    assert name_of(rotation) == "from elsewhere"
    assert calls == []


def test_the_oldest_result_is_dropped(counted):
    name_of, calls = counted
    for k in range(CACHED_REFERENCES + 1):
        name_of(linear.replace(t1=1.0 + k))
    name_of(linear.replace(t1=1.0))
    assert calls[0] == calls[-1]


def test_a_copied_reference_is_read_only_like_the_first():
    copied = copy.deepcopy(sensitivity(linear))
    with pytest.raises(ValueError, match="read-only"):
        copied.y1[0, 0] = 1.0
    assert all(np.array_equal(copied.jacobians[k], v) for k, v in sensitivity(linear).jacobians.items())
