"""Every tensor of a solve is on the device of the solve: shown on "meta", which mixes with no other device.

Tensors there have shapes and no values, so what is read from them is replaced by zeros.
"""

import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from nodecheck.backends.torch.backend import _VARIATIONS, BACKEND
from nodecheck.backends.torch.device.uses import DEVICE_USES
from nodecheck.backends.torch.dynamics import time_beside
from nodecheck.backends.torch.pair_uses import PAIR_USES
from nodecheck.backends.torch.reuse import REUSES
from nodecheck.layers import Solve, TorchLayer, Variation
from nodecheck.layers.layer import COMPLEX, MEMBER_TIMES
from nodecheck.problems import members_of, neural
from nodecheck.problems.complex_state import complex_pairs

# A device use asks for streams, graphs or autocast, which "meta" has not.
NAMES = sorted(_VARIATIONS.keys() - DEVICE_USES.keys() - {"autocast-field"})
COTANGENT = np.tile([[0.5, -0.25, 1.0]], (4, 1))
TRAINED = neural.replace(y0=neural.y0 / 2, params={name: p / 2 for name, p in neural.params.items()})
MODULES = [name for name in sys.modules if name.startswith("nodecheck.backends.torch")]


def euler(dynamics, t0, t1, n_steps):
    h = (t1 - t0) / n_steps
    each = h[:, None] if getattr(h, "ndim", 0) else h

    def solve(y):
        for k in range(n_steps):
            y = y + each * dynamics(t0 + k * h, y)
        return y

    return solve


def euler_of_pairs(dynamics, t0, t1, n_steps):
    h = (t1 - t0) / n_steps

    def solve(state):
        for k in range(n_steps):
            state = tuple(y + h * dy for y, dy in zip(state, dynamics(t0 + k * h, state), strict=True))
        return state

    return solve


@pytest.fixture
def without_values(monkeypatch):
    """Let reading give zeros, and note the device of what is read."""
    seen = set()

    def zeros(tensor):
        seen.add(tensor.device.type)
        return np.zeros(tensor.shape)

    for name in MODULES:
        if hasattr(sys.modules[name], "as_numpy"):
            monkeypatch.setattr(sys.modules[name], "as_numpy", zeros)
    monkeypatch.setattr("nodecheck.backends.torch.settings._is", lambda _tensor, _value: True)
    monkeypatch.setattr(torch, "equal", lambda _one, _other: True)
    monkeypatch.setattr(Tensor, "__bool__", lambda _self: False)
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_a_variation_makes_all_its_tensors_on_the_device(name, without_values):
    others = (TRAINED,) if name in REUSES else members_of(neural) if name == MEMBER_TIMES else ()
    problem, cotangent = (
        (complex_pairs, np.ones_like(complex_pairs.y0)) if name == COMPLEX else (neural, COTANGENT)
    )
    solve = Solve(problem, 4, variation=Variation(name, others=others), device="meta")
    pairs = name in PAIR_USES
    layer = TorchLayer("euler", euler_of_pairs if pairs else euler, output="pair" if pairs else "state")
    BACKEND.solve(layer, solve, (cotangent,))
    assert without_values == {"meta"}


@pytest.mark.parametrize("instrument", ["changes", "products", "build"])
def test_an_instrument_makes_all_its_tensors_on_the_device(instrument, without_values):
    solve = Solve(neural, 4, device="meta")
    BACKEND.solve(TorchLayer("euler", euler), solve, (COTANGENT,), instruments=(instrument,))
    assert without_values <= {"meta"}


def test_a_trial_is_made_on_the_device_of_the_solve():
    def build(dynamics, t0, t1, n_steps):
        return lambda y: [dynamics(t0, y)].clear()

    trial = BACKEND.trial(TorchLayer("nothing", build), Solve(neural, 4, device="meta"))
    assert [call.device for call in trial.calls] == ["meta"]


def test_a_time_that_is_a_number_is_written_on_the_device():
    y = torch.zeros(2, device="meta", dtype=torch.float32)
    for t in (0.5, np.float64(0.5), torch.tensor(0.5)):
        made = time_beside(t, y)
        assert (made.device.type, made.dtype, made.shape) == ("meta", torch.float32, torch.Size(()))


def test_a_time_that_carries_a_gradient_keeps_it():
    t = torch.tensor(0.5, requires_grad=True)
    assert time_beside(t, torch.zeros(2, device="meta")).requires_grad
