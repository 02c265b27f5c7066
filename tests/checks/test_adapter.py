"""A wrong adapter is called one, with the line that mends it; a wrong layer is not."""

# ruff: noqa: ARG005

from __future__ import annotations

import functools
import pickle
from pathlib import Path

import adapters
import pytest
import torch
import wrong_adapters
from public_layers import equal_steps, march
from torch import nn
from torch.func import functional_call

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.mutants import MUTANTS
from nodecheck.neural_ode import ODELayer
from nodecheck.options.profile import SMOKE
from nodecheck.results import Inconclusive, Status
from nodecheck.targets.discovery import load_target
from nodecheck.targets.third_party.odelayer import LAYERS as OWN

RIGHT = load_target(f"{Path(__file__).parents[1] / 'samples' / 'right_layers.py'}:LAYERS")
ADAPTER = CHECKS[0]
UNCHANGEABLE = {"a module with ten steps", "tolerance-ignored"}


def test_it_is_the_first_check():
    assert ADAPTER.id == "adapter"


def evidence(layer):
    return ADAPTER.measure(LayerUnderTest(layer, SMOKE), ADAPTER.problems[0])


def violated(found):
    return [m.name for m in found.measurements if not m.holds]


@pytest.mark.parametrize("layer", wrong_adapters.LAYERS, ids=lambda layer: layer.name)
def test_a_wrong_adapter_is_told_what_mends_it(layer):
    found = evidence(layer)
    assert "mistakes in build" in violated(found)
    assert found.diagnosis.startswith(f"In the adapter of {layer.name!r}: ")
    assert wrong_adapters.BUILDS[layer.name][1] in found.diagnosis


@pytest.mark.parametrize(
    "layer",
    [*adapters.LAYERS, *RIGHT, *OWN, *(m.layer for m in MUTANTS if "adapter" not in m.caught_by)],
    ids=lambda layer: layer.name,
)
def test_neither_a_right_layer_nor_a_wrong_one_is_called_a_wrong_adapter(layer):
    found = evidence(layer)
    assert violated(found) == []
    assert found.diagnosis == ""
    assert ("resolution" in found.facts) == (layer.name in UNCHANGEABLE)


def with_states(change):
    """Return a wrong layer of which `change(dynamics, t0, t1, n_steps)` makes y0 -> y1."""
    return TorchLayer("wrong", change)


def backward_from_the_start(dynamics, t0, t1, n_steps):
    return lambda y0: march(dynamics, equal_steps(t0, 2 * t0 - t1, n_steps), y0)[-1]


def with_the_sign_of_the_field(dynamics, t0, t1, n_steps):
    return lambda y0: march(lambda t, y: -dynamics(t, y), equal_steps(t0, t1, n_steps), y0)[-1]


def over_a_unit(dynamics, t0, t1, n_steps):
    return lambda y0: march(dynamics, equal_steps(t0, t0 + 1.0, n_steps), y0)[-1]


def from_zero(dynamics, t0, t1, n_steps):
    return lambda y0: march(dynamics, equal_steps(0.0, t1, n_steps), y0)[-1]


def at_one_time(dynamics, t0, t1, n_steps):
    return lambda y0: march(lambda t, y: dynamics(t0, y), equal_steps(t0, t1, n_steps), y0)[-1]


def to_the_last_but_one(dynamics, t0, t1, n_steps):
    return lambda y0: march(dynamics, equal_steps(t0, t1, n_steps), y0)[-2]


def with_nan(dynamics, t0, t1, n_steps):
    return lambda y0: y0 * torch.nan + 0 * dynamics(t0, y0)


def with_mixed_members(dynamics, t0, t1, n_steps):
    return lambda y0: march(lambda t, y: dynamics(t, y.flip(0)), equal_steps(t0, t1, n_steps), y0)[-1]


@pytest.mark.parametrize(
    "build",
    [
        backward_from_the_start,
        with_the_sign_of_the_field,
        over_a_unit,
        from_zero,
        at_one_time,
        to_the_last_but_one,
        with_nan,
        with_mixed_members,
    ],
    ids=lambda build: build.__name__,
)
def test_a_layer_that_goes_astray_is_left_to_the_checks_of_layers(build):
    assert evidence(with_states(build)).diagnosis == ""


def refuses_few_steps(dynamics, t0, t1, n_steps):
    if n_steps < 100:
        msg = "n_steps must be 100 at least"
        raise ValueError(msg)


class Raises(nn.Module):
    def __init__(self, dynamics):
        super().__init__()
        self.dynamics = dynamics

    def forward(self, y0):
        return self.dynamics(0.0, y0) + None


@pytest.mark.parametrize(
    ("build", "raised"),
    [
        (lambda dynamics, t0, t1, n_steps: Raises(dynamics), "TypeError"),
        (refuses_few_steps, "ValueError: n_steps must be 100 at least"),
        (
            lambda dynamics, t0, t1, n_steps: ODELayer(dynamics, t0, t1, -n_steps),
            "ValueError: n_steps must be",
        ),
    ],
    ids=["raises", "refuses in build", "refuses when constructed"],
)
def test_what_a_layer_raises_decides_nothing_about_the_adapter(build, raised):
    with pytest.raises(Inconclusive, match=f"the layer itself raises {raised}"):
        evidence(TorchLayer("raises", build))


def on_a_copy(dynamics, t0, t1, n_steps):
    skeleton, params = pickle.loads(pickle.dumps(dynamics)), dict(dynamics.named_parameters())

    def field(t, y):
        return functional_call(skeleton, params, (t, y))

    return lambda y0: march(field, equal_steps(t0, t1, n_steps), y0)[-1]


def test_a_layer_whose_calls_are_not_seen_passes():
    found = evidence(TorchLayer("copy", on_a_copy))
    assert (violated(found), found.diagnosis) == ([], "")
    assert [m.name for m in found.measurements] == ["mistakes in build"]


def refuses_eight_steps(dynamics, t0, t1, n_steps):
    if n_steps < 10:
        msg = "n_steps must be ten at least"
        raise ValueError(msg)
    return lambda y0: march(dynamics, equal_steps(t0, t1, n_steps), y0)[-1]


def test_a_layer_that_refuses_few_steps_passes():
    found = evidence(TorchLayer("refuses", refuses_eight_steps))
    assert (violated(found), dict(found.facts)) == ([], {})


def counts_wrongly(dynamics, t0, t1, tol):
    """An adaptive layer with a mistake of its own, of the same words as an adapter's."""
    return lambda y0: [dynamics(t0, y0) for _ in range((t1 - t0) / 0.1)][-1]


def test_an_adaptive_layer_that_counts_wrongly_is_not_said_to_take_the_tolerance_for_a_number():
    with pytest.raises(Inconclusive, match="cannot be interpreted as an integer"):
        evidence(TorchLayer("counts", counts_wrongly))


def in_float32(dynamics, t0, t1, n_steps):
    return lambda y0: march(dynamics, equal_steps(t0, t1, n_steps), y0)[-1].float()


def test_a_state_of_lower_precision_is_noted_and_left_to_the_checks_of_layers():
    found = evidence(TorchLayer("single", in_float32))
    assert violated(found) == []
    assert found.facts == {"dtype of y1": "float32, although y0 is float64"}


def test_a_resolution_without_effect_is_noted():
    layer = next(x for x in adapters.LAYERS if x.name == "a module with ten steps")
    assert evidence(layer).facts == {"resolution": "cannot be changed: n_steps = 8, 16 give the same"}


def by_check(layer, **arguments):
    return {r.check: r for r in nodecheck.run(layer, profile="smoke", **arguments).results}


def test_with_a_wrong_adapter_nothing_is_said_about_the_layer():
    wrong = next(x for x in wrong_adapters.LAYERS if x.name == "a trajectory (T, B, d)")
    first, *others = by_check(wrong).values()
    assert (first.check, first.status, first.theme) == ("adapter", Status.FAILED, "Contract")
    assert {r.status for r in others} == {Status.SKIPPED}
    reasons = {r.reason for r in others if r.check in ("forward-pass", "backward-pass", "gradient-order")}
    assert reasons == {"means nothing while adapter fails"}


def test_with_a_wrong_adapter_a_single_check_is_skipped_too():
    wrong = next(x for x in wrong_adapters.LAYERS if x.name == "f(y, t) as it is")
    found = by_check(wrong, select="constant-field")
    assert {check: str(r.status) for check, r in found.items()} == {
        "adapter": "failed",
        "forward-pass": "skipped",
        "constant-field": "skipped",
    }


def test_a_layer_that_raises_is_reported_by_its_forward_pass():
    found = by_check(TorchLayer("raises", lambda dynamics, t0, t1, n_steps: Raises(dynamics)))
    assert [check for check, r in found.items() if r.status is Status.ERROR] == ["forward-pass"]
    assert found["adapter"].status is Status.INCONCLUSIVE


FROM_T0_TO_T1 = [layer for layer in (*adapters.LAYERS, *RIGHT, *OWN) if not layer.output_times]


@pytest.mark.parametrize("layer", FROM_T0_TO_T1, ids=lambda layer: layer.name)
def test_it_asks_a_right_layer_for_few_passes(layer):
    """Two to see the resolution, one on a constant field (other checks use all three), seldom one more."""
    passes, counted = [], functools.partial(TorchLayer, layer.name, output=layer.output)

    def build(dynamics, t0, t1, resolution):
        passes.append(resolution)
        return layer.build(dynamics, t0, t1, **layer.form.arguments(resolution))

    if layer.adaptive:  # and three to see that the tolerance is no step size
        evidence(counted(lambda dynamics, t0, t1, tol: build(dynamics, t0, t1, tol)))
        assert len(passes) <= 6
    else:
        evidence(counted(lambda dynamics, t0, t1, n_steps: build(dynamics, t0, t1, n_steps)))
        assert len(passes) <= (7 if layer.name in UNCHANGEABLE else 4)


def test_its_page_names_the_helpers_and_shows_a_failure():
    assert "`nodecheck.adapt`" in ADAPTER.page
    assert "adapt.last(y, time_axis=0)" in ADAPTER.page
