"""An interval for each member of the batch: what fails, with which words, and what passes or refuses."""

from __future__ import annotations

import pytest
import torch
from right_members import MEMBERS as ODD_STYLES
from right_members import scaled_members

from nodecheck import TorchLayer
from nodecheck.checks.invariance.member_times import member_times
from nodecheck.layers import LayerUnderTest
from nodecheck.mutants import ORIGINALS
from nodecheck.mutants.members import MEMBERS
from nodecheck.options.profile import SMOKE
from nodecheck.problems import members_of, neural_at_outputs, neural_half, neural_reversed_half
from nodecheck.results import Inconclusive, Unsupported
from nodecheck.runner.plan import card_of

FORWARDS, BOTH_WAYS = member_times.problems[0], member_times.more[0][1]
CAUSES = {
    "durations-averaged": "t1 - t0 is averaged over the batch",
    "longest-interval-for-all": "go on for as long as the longest interval",
    "direction-of-members-ignored": "Time runs forwards for members whose t1 is before t0",
    "first-time-told-to-all": "The field is told the times of the first member",
    "adjoint-of-another-length": "so the backward pass takes another length or another time",
    "length-outside-the-sum": "The product of sums is not the sum of products",
    "times-summed-over-the-batch": "∂L/∂t0 is that of the whole batch at every member",
    "times-of-one-shape": "has the shape [], not [4], that of the times",
    "output-times-of-the-first": "All members are solved on the interval of the first one",
    "adaptive-durations-averaged": "t1 - t0 is averaged over the batch",
}
RIGHT = [layer for layer in ORIGINALS if "member-times" in layer.supports]
PROMISED = frozenset({"member-times"})


def evidence(layer, problem=FORWARDS):
    return member_times.measure(LayerUnderTest(layer, SMOKE), problem)


def holds(found):
    return all(m.holds for m in found.measurements)


def promising(build, *further):
    return TorchLayer("mine", build, order=4, adjoint="discrete", supports={*PROMISED, *further})


def test_every_mutant_has_its_cause_here():
    assert set(CAUSES) == {mutant.name for mutant in MEMBERS}


@pytest.mark.parametrize("mutant", MEMBERS, ids=lambda mutant: mutant.name)
def test_a_wrong_layer_fails_and_is_told_the_cause(mutant):
    found = evidence(mutant.layer, BOTH_WAYS)
    assert not holds(found)
    assert CAUSES[mutant.name] in found.diagnosis


@pytest.mark.parametrize("problem", [FORWARDS, BOTH_WAYS], ids=lambda problem: problem.name)
@pytest.mark.parametrize("layer", [*RIGHT, *ODD_STYLES], ids=lambda layer: layer.name)
def test_a_right_layer_passes_in_both_directions_of_time(layer, problem):
    assert holds(evidence(layer, problem))


@pytest.mark.parametrize(("supports", "asked"), [((), False), (("member-times",), True)])
def test_it_is_asked_only_of_layers_that_promise_it(supports, asked):
    card = card_of(TorchLayer("mine", scaled_members, supports=supports))
    assert (member_times.why_not(card.kinds) == "") is asked


def refusing_mixtures(dynamics, t0, t1, n_steps):
    span = torch.as_tensor(t1 - t0)
    if (span > 0).any() and (span < 0).any():
        message = "all intervals must have one direction"
        raise ValueError(message)
    return scaled_members(dynamics, t0, t1, n_steps)


def test_a_refusal_of_mixed_directions_is_unsupported():
    assert holds(evidence(promising(refusing_mixtures)))
    with pytest.raises(Unsupported, match="in both directions of time are refused: ValueError: all interv"):
        evidence(promising(refusing_mixtures), BOTH_WAYS)


def refusing(dynamics, t0, t1, n_steps):
    return scaled_members(dynamics, float(t0), float(t1), n_steps)


def test_a_refusal_of_what_is_promised_fails():
    found = evidence(promising(refusing))
    assert not holds(found)
    assert "raises with an interval for each member" in found.diagnosis


def times_detached(dynamics, t0, t1, n_steps):
    t0, t1 = (t.detach() if isinstance(t, torch.Tensor) else t for t in (t0, t1))
    return scaled_members(dynamics, t0, t1, n_steps)


def test_missing_gradients_of_times_fail_where_they_are_promised():
    assert holds(evidence(promising(times_detached)))
    found = evidence(promising(times_detached, "time-gradients"))
    assert not holds(found)
    assert found.diagnosis == "No gradient arrives at t0 and t1: times are taken as numbers."


def in_half_of_the_steps(dynamics, t0, t1, n_steps):
    """Fewer steps where each member has an interval: right to the order, and not each member alone."""
    members = isinstance(t0, torch.Tensor) and t0.ndim
    return scaled_members(dynamics, t0, t1, max(1, n_steps // 2) if members else n_steps)


def test_other_steps_that_converge_at_the_order_pass():
    found = evidence(promising(in_half_of_the_steps))
    assert holds(found)
    assert [m.name.partition(" ")[0] for m in found.measurements] == ["order"]


def never_converging(dynamics, t0, t1, n_steps):
    solve = scaled_members(dynamics, t0, t1, n_steps)
    return lambda y0: solve(y0) + 0.01 * (1 + torch.as_tensor(len(y0)))


def test_members_that_do_not_converge_alone_decide_nothing():
    with pytest.raises(Inconclusive, match="each member alone converges at order"):
        evidence(promising(never_converging))


def test_members_have_different_intervals_within_that_of_the_problem():
    members = members_of(neural_half)
    assert len({m.t0 for m in members} | {m.t1 for m in members}) == 2 * len(members)
    lengths = [m.duration for m in members]
    assert max(lengths) == pytest.approx(16 * min(lengths))
    assert lengths[0] not in (max(lengths), min(lengths))


def test_time_runs_forwards_for_every_other_member_of_a_reversed_problem():
    assert [m.duration > 0 for m in members_of(neural_reversed_half)] == [False, True, False, True]


def test_output_times_of_members_lie_at_different_shares():
    shares = {tuple(round((t - m.t0) / m.duration, 6) for t in m.ts) for m in members_of(neural_at_outputs)}
    assert len(shares) == 2
