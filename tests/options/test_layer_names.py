"""Layers chosen by name: patterns of targets, and those of `--layer`."""

from __future__ import annotations

import pytest

from nodecheck.options.layer_names import chosen_layers, restricted, sources, split
from nodecheck.results import LayerCard

CARDS = [
    LayerCard("rk4", "a.py:LAYERS", "n_steps"),
    LayerCard("heun[2]", "a.py:LAYERS", "n_steps"),
    LayerCard("dopri5", "torchdiffeq", "tol"),
]


def chosen(*targets, layer=(), complete=True):
    found = chosen_layers(CARDS, restricted(targets, layer), layer, complete=complete)
    return [card.name for card in found]


def test_a_target_is_split_at_its_first_double_colon():
    assert split("a.py:LAYERS::rk::4") == ("a.py:LAYERS", "rk::4")
    assert split("a.py:LAYERS") == ("a.py:LAYERS", "*")


def test_a_target_with_two_patterns_is_imported_once():
    assert sources(("a.py:L::x", "b", "a.py:L::y", "a.py:L")) == ("a.py:L", "b")


def test_a_target_without_pattern_keeps_all_its_layers():
    assert chosen("a.py:LAYERS", "torchdiffeq") == ["rk4", "heun[2]", "dopri5"]


def test_a_pattern_of_a_target_leaves_the_other_targets_alone():
    assert chosen("a.py:LAYERS::rk*", "torchdiffeq") == ["rk4", "dopri5"]


def test_two_patterns_of_a_target_mean_the_layers_of_either():
    assert chosen("a.py:LAYERS::rk4", "a.py:LAYERS::h*", "torchdiffeq::*") == ["rk4", "heun[2]", "dopri5"]


def test_a_name_with_brackets_matches_itself_as_a_pattern():
    assert chosen("a.py:LAYERS::heun[2]", "torchdiffeq") == ["heun[2]", "dopri5"]


def test_the_option_holds_for_targets_without_a_pattern():
    assert chosen("a.py:LAYERS::rk4", "torchdiffeq", layer=("dop*",)) == ["rk4", "dopri5"]


def test_the_option_need_not_match_in_every_target():
    assert chosen("a.py:LAYERS", "torchdiffeq", layer=("*5",)) == ["dopri5"]


@pytest.mark.parametrize(
    ("targets", "layer", "place"),
    [
        (("a.py:LAYERS::rk5", "torchdiffeq"), (), "a.py:LAYERS"),
        (("a.py:LAYERS",), ("rk5",), "--layer"),
        (("a.py:LAYERS",), ("rk4", "rk5"), "--layer"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_with_the_names(targets, layer, place):
    with pytest.raises(ValueError, match=r"must match .*, got 'rk5', which matches none; ") as refused:
        chosen(*targets, layer=layer)
    message = str(refused.value)
    assert message.startswith(place)
    assert "did you mean rk4?" in message
    assert message.endswith("layers are rk4, heun[2]")


def test_the_option_may_mean_a_layer_that_could_not_be_loaded():
    assert chosen("a.py:LAYERS", "gone.py:LAYERS", layer=("theirs",), complete=False) == ["dopri5"]


def test_a_target_that_ends_in_the_mark_is_refused():
    with pytest.raises(ValueError, match=r"expected TARGET::GLOB, got 'torchdiffeq::'; write"):
        restricted(("torchdiffeq::",), ())
