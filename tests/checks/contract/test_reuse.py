"""Layers used again: what a graph that is kept from one pass to the next does to the later ones."""

from __future__ import annotations

import pytest
import torch
from wrong_layers import marching, rk4, rk4_step

from nodecheck.checks import interleaved_calls, repeated_use
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural

KEPT = "Something that is kept from an earlier pass is used in a later one with its autograd graph"


def warm_started(dynamics, t0, t1, n_steps):
    """Keeps its last answer, with its graph, for the next pass, which adds nothing of it."""
    solve, kept = marching(rk4_step)(dynamics, t0, t1, n_steps), []

    def remembering(y0):
        y1 = solve(y0 + 0 * kept.pop().mean() if kept else y0)
        kept.append(y1)
        return y1

    return remembering


def refusing_the_second(dynamics, t0, t1, n_steps):
    """Can be used once."""
    solve, used = marching(rk4_step)(dynamics, t0, t1, n_steps), []

    def once(y0):
        if used:
            message = "expected to be used once"
            raise RuntimeError(message)
        used.append(True)
        return solve(y0)

    return once


def evidence(check, build):
    layer = TorchLayer("wrong", build, order=4)
    torch.manual_seed(0)
    return check.measure(LayerUnderTest(layer, SMOKE), neural)


@pytest.mark.parametrize("check", [interleaved_calls, repeated_use], ids=lambda check: check.id)
def test_a_graph_that_is_kept_is_told_in_our_words(check):
    found = evidence(check, warm_started)
    assert any(not m.holds for m in found.measurements)
    assert found.diagnosis.startswith(KEPT)
    assert "Trying to backward through the graph a second time" in found.diagnosis


def test_overlapping_passes_that_raise_something_else_are_told_what():
    assert (
        "raise RuntimeError: expected to be used once"
        in evidence(interleaved_calls, refusing_the_second).diagnosis
    )


def test_a_second_use_that_raises_something_else_raises_it():
    with pytest.raises(RuntimeError, match="expected to be used once"):
        evidence(repeated_use, refusing_the_second)


@pytest.mark.parametrize("check", [interleaved_calls, repeated_use], ids=lambda check: check.id)
def test_a_right_layer_passes(check):
    found = check.measure(LayerUnderTest(rk4(), SMOKE), neural)
    assert all(m.holds for m in found.measurements)
