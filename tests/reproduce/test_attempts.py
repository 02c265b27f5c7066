"""Which scripts are tried for a failed check."""

from __future__ import annotations

from nodecheck.checks import CHECKS
from nodecheck.reproduce import attempts as module
from nodecheck.reproduce.attempts import WITHOUT_SCRIPT, attempts
from nodecheck.reproduce.kinds import accuracy, identities, others
from nodecheck.reproduce.source import LayerSource
from nodecheck.results import LayerCard, Outcome, Result, at_most

CARD = LayerCard("mine", "layers.py:LAYERS", "n_steps", order=4)


def tried(check, *names, problem="neural", outcome=Outcome.MEASURED):
    """Return the kinds and settings that are tried where these measurements are violated."""
    bad = tuple(at_most(name, 1.0 + k, 0.0) for k, name in enumerate(names))
    result = Result("mine", check, problem, outcome, "It is wrong", measurements=bad)
    return list(attempts(result, CARD, LayerSource(())))


def test_every_check_has_scripts_or_is_known_to_have_none():
    known = {*module._KINDS, *WITHOUT_SCRIPT}
    assert known == {check.id for check in CHECKS}
    assert not set(module._KINDS) & set(WITHOUT_SCRIPT)


def test_the_power_that_is_worst_is_tried_first():
    found = tried("polynomial-field", "error of y1 for t^1", "error of y1 for t^3")
    powers = [setting.power for kind, setting in found if kind is identities.FINAL_STATE]
    assert powers[:2] == [3, 1]


def test_a_gradient_of_the_state_alone_is_looked_at_alone():
    found = tried("gradient-order", "order of ∂L/∂y0")
    assert {setting.wrt for kind, setting in found if kind is accuracy.GRADIENT} == {("y0",)}


def test_a_problem_in_reversed_time_is_reversed_in_the_script():
    _, setting = tried("forward-order", "order of y1", problem="neural_reversed")[0]
    assert setting.t1 < setting.t0


def test_an_error_is_first_looked_for_as_an_error():
    assert tried("backward-pass", outcome=Outcome.ERROR)[0][0] is others.RAISES
