"""Products at the state of another stage are named by the stages, for any method that is known."""

from __future__ import annotations

import pytest
from stage_adjoints import stage_adjoint
from wrong_layers import continuous

from nodecheck.checks import CHECKS
from nodecheck.diagnosis.gradient.stage_states import explain_stage_states
from nodecheck.layers import LayerUnderTest
from nodecheck.options.profile import SMOKE
from nodecheck.problems import neural


def explain(layer):
    return explain_stage_states(LayerUnderTest(layer, SMOKE), neural)


@pytest.mark.parametrize(
    ("method", "where", "words"),
    [
        (
            "rk4",
            (0, 0, 0, 0),
            "of rk4 with the products of all stages at the state with which the step begins",
        ),
        ("rk4", (4, 4, 4, 4), "of all stages at the state with which the step ends"),
        ("rk4", (0, 2, 1, 3), "of stages 2, 3 at the states of stages 3, 2"),
        ("rk4", (3, 2, 1, 0), "of stages 1, 2, 3, 4 at the states of stages 4, 3, 2, 1"),
        ("rk4", (0, 1, 2, 2), "of stage 4 at the state of stage 3"),
        ("midpoint", (1, 0), "of midpoint with the products of stages 1, 2 at the states of stages 2, 1"),
        ("heun", (0, 2), "of heun with the products of stage 2 at the state with which the step ends"),
    ],
)
def test_the_stages_are_named(method, where, words):
    assert words in explain(stage_adjoint(method, where))


@pytest.mark.parametrize(
    "layer", [stage_adjoint("rk4", range(4)), continuous()], ids=["discrete", "continuous"]
)
def test_nothing_is_said_of_a_right_adjoint(layer):
    assert explain(layer) == ""


@pytest.mark.parametrize("check_id", ["gradient-class", "backprop-agreement"])
def test_a_check_that_no_order_fails_names_swapped_stages(check_id):
    check = next(check for check in CHECKS if check.id == check_id)
    evidence = check.measure(LayerUnderTest(stage_adjoint("rk4", (0, 2, 1, 3)), SMOKE), neural)
    assert "of stages 2, 3 at the states of stages 3, 2" in evidence.diagnosis
