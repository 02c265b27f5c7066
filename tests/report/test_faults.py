"""Failed checks, gathered under the faults that explain them."""

from __future__ import annotations

from sample_runs import result, run_of

from nodecheck.report.faults import faults
from nodecheck.results import Outcome, at_most
from nodecheck.results.diagnosis_parts import parts_of

NAMED = (
    "All gradients are off by 12 %. They match an adjoint driven by J instead of Jᵀ "
    "(residual 1.6e-8 against 0.16 unexplained; runner-up: zero (of all), 0.5)."
)


def failed(check, diagnosis="", problem="", **changes):
    changes = {"measurements": (at_most("e", 1.0, 0.0),)} | changes
    return result("m", check, problem, diagnosis=diagnosis, **changes)


def found(*results):
    """Return the leading check of each fault of a layer, with the checks beneath it."""
    return {
        fault.lead.first.check: [g.first.check for g in fault.symptoms]
        for fault in faults(run_of(results), "m")
    }


def test_a_wrong_forward_pass_explains_a_wrong_gradient():
    follows = "constant-field-gradient"
    assert found(failed(follows), failed("constant-field")) == {"constant-field": [follows]}


def test_a_wrong_gradient_does_not_explain_a_wrong_forward_pass():
    assert list(found(failed("gradient-order", NAMED), failed("forward-order"))) == [
        "forward-order",
        "gradient-order",
    ]


def test_a_gradient_whose_cause_is_named_is_a_fault_of_its_own():
    assert len(found(failed("gradient-order", NAMED), failed("constant-field"))) == 2


def test_the_check_that_names_the_cause_leads_its_area():
    assert found(failed("gradient-completeness"), failed("gradient-class", NAMED)) == {
        "gradient-class": ["gradient-completeness"]
    }


def test_a_wrong_gradient_explains_what_is_wrong_in_other_units():
    units = failed("other-units", "∂L/∂u is off by 3 %.")
    assert found(units, failed("gradient-order")) == {"gradient-order": ["other-units"]}


def test_what_raises_is_no_symptom_of_wrong_numbers():
    raises = (at_most("passes that raise, b1 frozen", 1.0, 0.0),)
    assert len(found(failed("uninvolved-parameters", measurements=raises), failed("gradient-order"))) == 2


def test_memory_is_a_fault_of_its_own():
    assert len(found(failed("memory-law"), failed("gradient-order"))) == 2


def test_a_check_that_is_not_listed_is_a_fault_of_its_own():
    assert len(found(failed("some-new-check"), failed("gradient-order"))) == 2


def test_a_layer_that_cannot_be_run_has_one_fault():
    raised = failed("forward-pass", outcome=Outcome.ERROR, measurements=(), reason="ValueError: no")
    first, *others = faults(run_of([raised, failed("gradient-order"), failed("other-uses")]), "m")
    assert not others
    assert first.headline == "forward-pass ended in an error: ValueError: no"


def test_wrong_times_in_the_backward_pass_alone_belong_to_the_gradient():
    told = (at_most("error of the mean of t^1, in the gradient", 1.0, 0.0),)
    names = found(failed("evaluation-times", measurements=told), failed("gradient-order", NAMED))
    assert names == {"gradient-order": ["evaluation-times"]}


def test_a_fault_without_a_diagnosis_is_told_by_its_numbers():
    [fault] = faults(run_of([failed("constant-field")]), "m")
    assert fault.headline == "Constant field is not integrated exactly: e is 1, at most 0 is allowed."


def test_the_headline_ends_with_the_cause_and_has_no_evidence():
    parts = parts_of(NAMED)
    assert parts.headline == (
        "All gradients are off by 12 %. They match an adjoint driven by J instead of Jᵀ."
    )
    assert parts.evidence.startswith("residual 1.6e-8 against 0.16 unexplained; runner-up")
    assert parts.residual == 1.6e-8


def test_a_remedy_in_a_diagnosis_is_told_apart():
    parts = parts_of("One step too many. Loop over `ts[:-1]`: n steps have n + 1 points.")
    assert parts.headline == "One step too many."
    assert parts.remedy == "Loop over `ts[:-1]`: n steps have n + 1 points."


def test_a_long_symptom_gives_way_to_the_cause():
    parts = parts_of(f"{'A symptom ' * 30}. They match zero (residual 0 against 1 unexplained).")
    assert parts.headline == "They match zero."
    assert parts.rest.startswith("A symptom")


def test_a_dropped_penalty_is_no_symptom_of_a_wrong_gradient():
    assert len(found(failed("second-derivatives"), failed("gradient-order", NAMED))) == 2


def test_a_changed_mode_explains_no_wrong_number():
    assert len(found(failed("nothing-mutated"), failed("forward-order"))) == 2


def test_random_numbers_explain_every_wrong_number():
    checks = ("constant-field", "gradient-order", "batch-independence")
    assert found(failed("determinism"), *map(failed, checks)) == {"determinism": list(checks)}


def test_a_gradient_that_does_not_converge_is_a_fault_beside_a_forward_pass_that_does_not():
    assert len(found(failed("forward-order"), failed("gradient-order"))) == 2


def test_a_grid_of_float32_explains_a_gradient_of_that_precision():
    grid = failed("constant-field", "The ends of the time grid are rounded to float32.")
    assert len(found(grid, failed("gradient-order", "Unexplained: an error of 2e-8."))) == 1


def test_wrong_gradients_explain_other_gradients_in_a_comparison_and_no_other_y1():
    gradient = failed("gradient-order", NAMED)
    assert len(found(gradient, failed("other-units", "∂L/∂u is off by 3 %."))) == 1
    assert len(found(gradient, failed("other-units", "y1 is off by 3 %."))) == 2


def test_a_cotangent_that_is_dropped_is_a_fault_beside_a_wrong_gradient():
    dropped = failed("output-gradients", "The cotangent of the output at t = 0.3 is dropped.")
    assert len(found(failed("gradient-tolerance"), dropped)) == 2


def test_an_error_at_outputs_without_a_cause_follows_from_a_wrong_gradient():
    text = "At n_steps = 16, ∂L/∂W1 is off by 3 %, and no weights of the cotangents explain it."
    assert len(found(failed("gradient-order", NAMED), failed("output-gradients", text))) == 1


def test_what_fails_as_not_a_number_is_no_symptom_of_an_order():
    assert len(found(failed("forward-order"), failed("not-a-number"))) == 2


def test_memory_hidden_and_seen_is_one_fault():
    assert len(found(failed("memory-law"), failed("hidden-memory"), failed("memory-leak"))) == 1
