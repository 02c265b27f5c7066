"""The part of an output that holds the states, and the record of the tensors beside it."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch

from nodecheck import adapt
from nodecheck.adapt.dropped import recorded

STATE, LOG_DET = torch.zeros(4, 3), torch.zeros(4)
Named = namedtuple("Named", ["ys", "log_det"])
PLACES = {
    "a tuple": ((STATE, LOG_DET), (0,)),
    "a list from its end": ([LOG_DET, STATE], (-1,)),
    "a mapping": ({"y": STATE, "l": LOG_DET}, ("y",)),
    "an object": (SimpleNamespace(ys=STATE, log_det=LOG_DET), ("ys",)),
    "a named tuple": (Named(STATE, LOG_DET), ("ys",)),
    "a tuple in a tuple": (((STATE, 12), {"l": LOG_DET}), (0, 0)),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_part_is_read_and_the_tensor_beside_it_recorded(name):
    output, path = PLACES[name]
    with recorded() as found:
        assert adapt.part(output, *path) is STATE
    assert [part.what for part in found] == ["another tensor of shape (4,)"]


def test_states_beside_the_last_one_are_recorded_together():
    with recorded() as found:
        adapt.part([torch.zeros(4, 3) for _ in range(17)], -1)
    assert [part.what for part in found] == ["16 other tensors of shape (4, 3)"]


@pytest.mark.parametrize(
    "beside", [12, "done", None, torch.tensor(12), {"nfe": 12}, torch.nn.Linear(3, 3)], ids=str
)
def test_what_could_carry_no_gradient_is_no_output(beside):
    with recorded() as found:
        adapt.part((STATE, beside), 0)
    assert list(found) == []


def test_a_tensor_has_no_parts_and_the_advice_is_another_reading():
    with pytest.raises(TypeError, match=r"got a tensor of shape \(4, 3\); of a trajectory, `adapt\.last"):
        adapt.part(STATE, 0)


def test_nothing_is_kept_where_nobody_collects():
    with recorded() as found:
        pass
    adapt.part((STATE, LOG_DET), 0)
    assert list(found) == []


def test_a_collection_inside_another_keeps_its_own():
    with recorded() as outer:
        with recorded() as inner:
            adapt.part((STATE, LOG_DET), 0)
        adapt.last(torch.zeros(2, 4, 3), time_axis=0)
    assert [part.what for part in inner] == ["another tensor of shape (4,)"]
    assert [part.what for part in outer] == ["states at 1 other time"]
