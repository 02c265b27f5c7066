"""A field of a solve that would be ignored is refused; what is carried out is not."""

from __future__ import annotations

import numpy as np
import pytest
from wrong_layers import marching, rk4_step

from nodecheck.backends.torch.backend import BACKEND
from nodecheck.layers import Solve, TorchLayer, Variation
from nodecheck.neural_ode import TABLEAUS
from nodecheck.problems import neural, spiral

LAYER = TorchLayer("rk4", marching(rk4_step))
OWN = BACKEND.own_layer(TABLEAUS["euler"], "discrete")
COTANGENTS = (np.ones_like(neural.y0),)
USE, MODULE = Variation("eval-mode"), Variation("nested")
REUSE = Variation("used-again", others=(neural,))


def solved(layer=LAYER, instruments=(), **how):
    return BACKEND.solve(layer, Solve(neural, 4, **how), COTANGENTS, instruments=instruments)


@pytest.mark.parametrize(
    ("field", "how"),
    [
        ("device", {"device": "cuda", "layer": OWN}),
        ("wrt", {"wrt": ("y0",), "variation": USE}),
        ("wrt", {"wrt": ("y0",), "variation": REUSE}),
        ("limit", {"limit": 100, "variation": REUSE}),
        ("wrt", {"wrt": ("y0",), "instruments": ("saved",)}),
        ("variation", {"variation": USE, "instruments": ("saved",)}),
        ("variation", {"variation": USE, "instruments": ("changes",)}),
        ("limit", {"limit": 100, "layer": OWN}),
    ],
)
def test_a_field_that_would_be_ignored_is_refused(field, how):
    with pytest.raises(ValueError, match=f"expected {field} = ") as error:
        solved(**how)
    assert "got " in str(error.value)
    assert "; leave it out" in str(error.value)


@pytest.mark.parametrize(
    "how",
    [
        {"dtype": "float32", "wrt": ("y0",), "limit": 100},
        {"dtype": "float32", "limit": 100, "variation": USE},
        {"dtype": "float32", "limit": 100, "variation": MODULE},
        {"dtype": "float32", "variation": REUSE},
        {"dtype": "float32", "instruments": ("saved", "live")},
        {"wrt": ("y0",), "instruments": ("changes",)},
        {"dtype": "float32", "layer": OWN},
    ],
)
def test_what_is_carried_out_is_not_refused(how):
    assert solved(**how).y1.shape == neural.y0.shape


def test_a_problem_is_never_refused():
    assert BACKEND.solve(LAYER, Solve(spiral, 2)).y1.shape == spiral.y0.shape


@pytest.mark.parametrize("instruments", [("leaks", "seconds"), ("changes", "saved"), ("live", "arrays")])
def test_instruments_that_do_not_watch_the_same_pass_are_refused_together(instruments):
    with pytest.raises(ValueError, match="expected one instrument") as error:
        solved(instruments=instruments)
    assert f"got {', '.join(instruments)}; solve once" in str(error.value)
