"""The session: from a plan over its results to a run, also where Ctrl-C ends it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import nodecheck
from nodecheck import __version__
from nodecheck.checks import CHECKS
from nodecheck.options.configuration import Configuration, Expectation, Table
from nodecheck.options.settings import resolve_settings
from nodecheck.results import NOT_REACHED, LayerCard, Measurement, Outcome, Result, Status
from nodecheck.runner import plan as planning
from nodecheck.runner.examine import examine
from nodecheck.runner.plan import make_plan, selected
from nodecheck.runner.session import Session, plan_for
from nodecheck.targets.loading import LoadedTargets

CARDS = [LayerCard(name, "a.py:LAYERS", "n_steps") for name in ("first", "second")]
FIELD = "constant-field"


def measure(card, check, problem):
    name = problem.name if problem else ""
    return Result(card.name, check.id, name, Outcome.MEASURED, "t", measurements=(Measurement("x", 0, 1),))


def plan(select=FIELD, cards=CARDS):
    return make_plan(cards, profile="smoke", select=select, seed=3)


def settings(*entries, select=FIELD, every_layer=False, **given):
    configuration = Configuration(Table(expect=entries))
    given = {"profile": "smoke", "select": select, **given}
    return resolve_settings(("a.py:LAYERS",), given, configuration, every_layer=every_layer)


def loaded(*cards, **errors):
    return LoadedTargets({"a.py:LAYERS": tuple(cards or CARDS)}, **errors)


def test_all_results_are_examined_and_each_is_announced():
    session, seen = Session(plan()), []
    examined = session.examine(examine(session.plan, measure), advance=seen.append)
    assert examined.results == tuple(seen)
    assert not examined.interrupted
    assert len(seen) == session.plan.size


def interrupted_after(count):
    def results(plan):
        for k, result in enumerate(examine(plan, measure)):
            if k == count:
                raise KeyboardInterrupt
            yield result

    return results


@pytest.mark.parametrize(
    ("given", "received"),
    [
        (torch.nn.Linear(3, 3), "got 'layers', an object of type Linear; describe how to build one:"),
        (torch.nn.Sequential(), "got 'layers', an object of type Sequential; describe how to build one:"),
        (torch.nn.Linear, "got 'layers', the class Linear; describe it in a few lines:"),
        ([torch.nn.Linear(3, 3)], "got 'layers[0]', an object of type Linear; describe how"),
        ("odelayer", "got 'odelayer'; pass the object itself, or run `nodecheck check odelayer`"),
        (3, "got 'layers', an object of type int; name the variable that holds the layers"),
        ({}, "got 'layers', an object of type dict; name the variable that holds the layers"),
    ],
    ids=["module", "container", "class", "list", "text", "number", "dict"],
)
@pytest.mark.parametrize("function", [nodecheck.run, nodecheck.parametrize], ids=["run", "parametrize"])
def test_what_is_no_layer_is_refused_as_on_the_command_line(function, given, received):
    with pytest.raises(ValueError, match="expected a TorchLayer or a sequence of them") as refused:
        function(given)
    assert received in str(refused.value)


def test_after_ctrl_c_what_is_missing_is_inconclusive():
    session = Session(plan())
    examined = session.examine(interrupted_after(2)(session.plan))
    assert examined.interrupted
    assert len(examined.results) == session.plan.size
    missing = examined.results[2:]
    assert {(r.status, r.reason) for r in missing} == {(Status.INCONCLUSIVE, NOT_REACHED)}


def test_what_is_made_of_an_interrupted_run_can_be_chosen():
    session = Session(plan())
    results = interrupted_after(2)(session.plan)
    assert len(session.examine(results, unfinished=lambda _plan, found: found).results) == 2


def test_a_run_has_the_layers_in_the_order_of_the_plan():
    session = Session(plan())
    results = list(examine(session.plan, measure))
    run = session.record(reversed(results))
    assert list(dict.fromkeys(r.layer for r in run.results)) == ["first", "second"]


def test_a_run_carries_what_is_needed_to_repeat_it():
    run = Session(plan(), loaded(environment={"torch": "9"})).record(
        (), targets=("a",), command="c", warnings=("w",)
    )
    assert (run.profile, run.seed, run.targets, run.command, run.warnings) == (
        "smoke",
        3,
        ("a",),
        "c",
        ("w",),
    )
    assert (run.environment, run.nodecheck_version) == ({"torch": "9"}, __version__)
    assert FIELD in run.checks


def test_where_no_process_told_the_environment_the_versions_are_known_all_the_same():
    assert {"Python", "numpy", "torch"} <= set(Session(plan()).record(()).environment)


def test_a_missing_library_is_a_skipped_result():
    run = Session(plan(), loaded(missing={"torchdyn": "not installed"})).record(())
    assert [(r.layer, r.status, r.reason) for r in run.results] == [
        ("torchdyn", Status.SKIPPED, "not installed")
    ]


def test_targets_that_could_not_be_loaded_are_in_the_run():
    run = Session(plan(), loaded(usage_errors={"a": "x"}, load_errors={"b": "y"})).record(())
    assert run.load_errors == {"a": "x", "b": "y"}
    assert run.exit_code() == 3


def test_the_plan_has_the_expected_failures_of_the_configuration():
    made = plan_for(loaded(), settings(Expectation("second", FIELD, "known")))
    assert [card.expected_failures for card in made.cards] == [{}, {FIELD: "known"}]


def test_the_time_limit_that_was_given_goes_before_that_of_the_profile():
    assert plan_for(loaded(), settings(time_limit=7.0)).profile.seconds == 7.0
    assert plan_for(loaded(), settings()).profile.seconds == plan().profile.seconds


def test_an_entry_about_no_layer_is_refused_if_all_targets_were_loaded():
    asked = settings(Expectation("third", FIELD, "known"), every_layer=True)
    with pytest.raises(ValueError, match="matches none"):
        plan_for(loaded(), asked)
    assert plan_for(loaded(load_errors={"b.py:X": "gone"}), asked).cards


@pytest.fixture
def aliases(monkeypatch):
    """Let an id that was given up stand for a check, and for one problem of another."""
    given_up = {"field-of-old": (FIELD, "forward-pass:*_reversed")}
    monkeypatch.setattr(planning, "ALIASES", given_up)
    monkeypatch.setattr(planning, "KNOWN_IDS", {check.id for check in CHECKS} | set(given_up))


@pytest.mark.usefixtures("aliases")
def test_a_selection_by_an_id_that_was_given_up_takes_what_took_its_place():
    assert [check.id for check in selected("field-of-*")] == ["adapter", "forward-pass", FIELD]


@pytest.mark.usefixtures("aliases")
def test_an_expected_failure_under_an_id_that_was_given_up_still_holds():
    card = dataclasses.replace(CARDS[0], expected_failures={"field-of-old": "known"})
    made = plan(cards=[card])
    assert made.cards[0].expected_failures == {FIELD: "known", "forward-pass:*_reversed": "known"}
    found = {r.check: r.expected for r in examine(made, measure)}
    assert found == {"adapter": "", "forward-pass": "", FIELD: "known"}


def test_without_the_device_that_is_asked_for_there_is_no_plan():
    with pytest.raises(ValueError, match="--device cuda expects a CUDA device, got none"):
        plan_for(loaded(environment={"CUDA": "not available"}), settings(device="cuda"))


def test_a_target_without_layers_is_not_refused_for_its_device():
    nothing = LoadedTargets(load_errors={"a.py:LAYERS": "no such file"})
    assert plan_for(nothing, settings(device="cuda")).cards == ()


def test_on_both_devices_each_layer_is_examined_twice_under_two_names():
    there = loaded(environment={"CUDA": "Some GPU"})
    names = [card.name for card in plan_for(there, settings(device="both")).cards]
    assert names == [name for card in CARDS for name in (card.name, f"{card.name}@cuda")]


def test_results_on_both_devices_are_unique_in_the_record():
    there = loaded(environment={"CUDA": "Some GPU"})
    session = Session(plan_for(there, settings(device="both")), there)
    run = session.record(session.examine(examine(session.plan, measure)).results)
    assert len({result.id for result in run.results}) == session.plan.size


def test_a_check_of_devices_is_skipped_on_the_cpu_and_not_on_the_device():
    there = loaded(CARDS[0], environment={"CUDA": "Some GPU"})
    session = Session(plan_for(there, settings(device="both", select=("device-placement",))), there)
    found = {r.layer: r.reason for r in examine(session.plan, measure) if r.check == "device-placement"}
    name = CARDS[0].name
    assert found == {name: "asked only of layers on a device", f"{name}@cuda": ""}


def test_an_expected_failure_holds_on_every_device():
    there = loaded(environment={"CUDA": "Some GPU"})
    entry = Expectation(CARDS[0].name, FIELD, "known")
    cards = plan_for(there, settings(entry, device="both")).cards
    assert [card.expected_failures for card in cards[:2]] == [{FIELD: "known"}] * 2


def test_a_failure_on_the_device_is_reproduced_there_by_its_name_in_the_target():
    def fails(card, check, problem):
        return dataclasses.replace(measure(card, check, problem), measurements=(Measurement("x", 2, 1),))

    there = loaded(CARDS[0], environment={"CUDA": "Some GPU"})
    made = plan_for(there, settings(device="both"))
    on_device = [r for r in examine(made, fails) if r.layer.endswith("@cuda") and r.reproducer]
    assert all("device='cuda'" in r.reproducer and "@cuda" not in r.reproducer for r in on_device)
    assert on_device
