"""No check fails a right layer, however odd its style."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodecheck
from nodecheck.results import Status
from nodecheck.targets.discovery import load_target

RIGHT_LAYERS = Path(__file__).parents[1] / "samples" / "right_layers.py"
LAYERS = load_target(f"{RIGHT_LAYERS}:LAYERS")
# One of each kind: by backprop, by an adjoint, adaptive.  All layers in the ci profile take minutes:
# `nodecheck check tests/samples/right_layers.py:LAYERS` does that.
IN_CI = {"midpoint-loop", "functorch-adjoint", "bogacki-shampine-backprop"}
# Ids of what cannot be decided about a right layer; a new line here has to be argued for.
UNDECIDED: set[str] = set()
# Checks of what a right layer may refuse; a new line here has to be argued for.
REFUSED = {
    "complex-state",  # by a layer that compares, or makes tensors of real numbers
    "function-transforms",  # by an autograd.Function without rules for them
    "second-derivatives",  # by an adjoint of one's own, with an error
    "time-gradients",  # by a layer that takes the output times as numbers: no gradient arrives at any of them
}


@pytest.fixture(scope="module", params=LAYERS, ids=lambda layer: layer.name)
def run(request):
    return nodecheck.run(request.param, profile="ci" if request.param.name in IN_CI else "smoke")


def with_status(run, *statuses):
    return [(r.id, r.reason or r.diagnosis) for r in run.results if r.status in statuses]


def test_a_right_layer_raises_no_alarm(run):
    assert with_status(run, Status.FAILED, Status.ERROR) == []


def test_a_right_layer_is_verified(run):
    assert run.is_verified(run.layers[0].name)


def test_what_is_not_decided_about_a_right_layer_is_known(run):
    found = with_status(run, Status.INCONCLUSIVE)
    assert [(name, why) for name, why in found if name not in UNDECIDED] == []


def test_nothing_else_is_unsupported_by_a_right_layer(run):
    assert {r.check for r in run.results if r.status == Status.UNSUPPORTED} <= REFUSED
