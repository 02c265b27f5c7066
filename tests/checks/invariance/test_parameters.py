"""A layer may refuse frozen or unused parameters with an error, unless it promises them; it may lose none."""

from __future__ import annotations

import dataclasses

import pytest

import nodecheck
from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import SMOKE
from nodecheck.report.layer_card import identity
from nodecheck.results import Status, Unsupported

(UNINVOLVED,) = (check for check in CHECKS if check.id == "uninvolved-parameters")
LAYERS = {mutant.name: mutant.layer for mutant in MUTANTS}


def measure(name, **claims):
    """Return the evidence on a mutant, with other claims than its own."""
    layer = dataclasses.replace(LAYERS[name], **claims)
    return UNINVOLVED.measure(LayerUnderTest(layer, SMOKE), *UNINVOLVED.problems)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("frozen-differentiated", "cannot be used with frozen parameters.  With b1 frozen: RuntimeError"),
        ("unused-refused", "cannot be used with unused parameters.  With unused parameters: RuntimeError"),
    ],
)
def test_a_refusal_with_an_error_is_unsupported_where_nothing_was_promised(name, words):
    with pytest.raises(Unsupported, match=words):
        measure(name, supports=())


@pytest.mark.parametrize(
    ("name", "promise"),
    [("frozen-differentiated", "frozen-parameters"), ("unused-refused", "unused-parameters")],
)
def test_a_refusal_of_promised_parameters_is_a_failure(name, promise):
    evidence = measure(name, supports={promise})
    assert [m.name for m in evidence.measurements if not m.holds] == [
        f"passes that raise, {'b1 frozen' if promise == 'frozen-parameters' else 'unused parameters'}"
    ]


@pytest.mark.parametrize("name", ["frozen-detaches-output", "unused-shifts-others"])
def test_a_gradient_lost_without_an_error_is_a_failure_promised_or_not(name):
    evidence = measure(name, supports=())
    assert any(not m.holds for m in evidence.measurements)


def test_the_promise_of_one_kind_of_parameters_is_none_of_the_other():
    with pytest.raises(Unsupported, match="with unused parameters"):
        measure("unused-refused", supports={"frozen-parameters"})


def test_the_identity_card_says_which_parameters_a_layer_refuses():
    layer = dataclasses.replace(LAYERS["frozen-differentiated"], supports=())
    run = nodecheck.run(layer, profile="smoke", select=UNINVOLVED.id)
    (result,) = (r for r in run.results if r.check == UNINVOLVED.id)
    assert result.status is Status.UNSUPPORTED
    assert ("cannot be used", "", "with frozen parameters") in identity(run, layer.name)


def test_the_identity_card_shows_what_a_layer_promises():
    run = nodecheck.run(LAYERS["input-mutated"], profile="smoke", select="forward-pass")
    claimed = "frozen-parameters, tied-parameters, unused-parameters"
    assert ("supports", claimed, "") in identity(run, "input-mutated")
