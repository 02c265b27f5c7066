"""No check of the ci profile fails a right layer, however odd its style."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

import nodecheck
from nodecheck.layers.discovery import load_target
from nodecheck.results import Status

RIGHT_LAYERS = Path(__file__).parents[1] / "layers" / "right_layers.py"
LAYERS = load_target(f"{RIGHT_LAYERS}:LAYERS")
# More than ten seconds each, in steps that are iterated or taken back one autograd call at a time.
SLOW = {"implicit-midpoint", "flat-augmented-adjoint", "functorch-adjoint", "bogacki-shampine-adjoint"}
# Where nothing can be decided about a right layer, and why; a new line here has to be argued for.
UNDECIDED: set[tuple[str, str, str]] = set()


@functools.cache
def results(layer):
    return nodecheck.run(layer, profile="ci")


def cases(layers):
    slow = pytest.mark.slow
    return [pytest.param(x, id=x.name, marks=[slow] if x.name in SLOW else []) for x in layers]


@pytest.mark.parametrize("layer", cases(LAYERS))
def test_a_right_layer_raises_no_alarm(layer):
    alarms = [r for r in results(layer).results if r.status in (Status.FAILED, Status.ERROR)]
    assert [(r.id, r.reason or r.diagnosis, r.violated) for r in alarms] == []


@pytest.mark.parametrize("layer", cases(LAYERS))
def test_a_right_layer_is_verified(layer):
    assert results(layer).is_verified(layer.name)


@pytest.mark.parametrize("layer", cases(LAYERS))
def test_what_is_not_decided_about_a_right_layer_is_known(layer):
    found = {r.id: r.reason for r in results(layer).results if r.status is Status.INCONCLUSIVE}
    assert {i: why for i, why in found.items() if tuple(i.split(":")) not in UNDECIDED} == {}


@pytest.mark.parametrize("layer", cases(LAYERS))
def test_nothing_is_unsupported_by_a_right_layer(layer):
    assert [r.id for r in results(layer).results if r.status is Status.UNSUPPORTED] == []
