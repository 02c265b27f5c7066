"""The report in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from sample_runs import card, large_run, realistic_run, result, right_results, run_of

from nodecheck.report.terminal import render
from nodecheck.results import NOT_REACHED, Outcome, Run, at_most

HOSTILE = "[bold]x[/bold] <script>\x1b[31m\n[/]"


def printed(
    run: Run, *, width: int = 80, encoding: str = "utf-8", report: str = "", verbose: bool = True
) -> str:
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding=encoding)
    render(run, Console(file=file, width=width), report=report, verbose=verbose)
    file.flush()
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("run", [realistic_run(), large_run()], ids=["realistic", "large"])
def test_no_line_is_wider_than_the_window(run, width):
    assert max(map(len, printed(run, width=width).splitlines())) <= width


def test_a_piped_report_has_no_escape_sequences():
    assert "\x1b" not in printed(realistic_run())


def test_a_piped_report_has_no_trailing_blanks():
    lines = printed(realistic_run()).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []


def test_failures_come_before_expected_failures_and_verdicts():
    text = printed(realistic_run())
    places = [
        text.index(s)
        for s in ("What to fix first", "Failed as expected", "Inconclusive", "odelayer is right")
    ]
    assert places == sorted(places)


def test_a_failure_is_told_with_diagnosis_and_value_against_bound():
    text = printed(realistic_run())
    assert "The layer integrates over 1.0667, not 1: about +1.1 steps of 1/16." in text
    assert "error of y1: value 0.0667, bound at most 5.7e-14" in text


def test_a_failure_names_its_problem():
    assert "order of dy0 on damped-pendulum: value 0.990" in printed(realistic_run())


def test_the_same_check_on_several_problems_is_told_once():
    assert printed(realistic_run(), width=200).count("Gradient does not converge at the claimed order") == 1


def test_every_layer_has_its_verdict():
    lines = printed(realistic_run(), width=200, verbose=False).splitlines()
    for name in ("odelayer", "blog layer", "torchdiffeq:rk4", "dopri5", "mine-float32"):
        assert sum(f" {name} " in line for line in lines if line[0] != " ") == 1


def test_a_status_is_readable_without_colour():
    assert "✗ 1/5" in printed(realistic_run())
    assert "✗ failed" in printed(realistic_run())


def test_the_place_of_the_report_is_told():
    assert printed(realistic_run(), report="reports/mine/index.html").endswith(
        "report  reports/mine/index.html\n"
    )


def test_a_fault_is_told_with_cause_size_and_remedy():
    remedy = "Loop over `ts[:-1]`."
    bad = result("m", "constant-field", measurements=(at_most("e", 1.0, 0.0),), remedy=remedy,
                 diagnosis="Integrates over 1.5, not 1.4: one step too many.")  # fmt: skip
    lines = printed(run_of([bad]), verbose=False).splitlines()
    assert lines[1:4] == [
        "✗ m is wrong: 1 fault; 1 check failed",
        "  ✗ Integrates over 1.5, not 1.4: one step too many.",
        "  → Loop over `ts[:-1]`.",
    ]


def many_faults(name: str = "m") -> list[object]:
    long = "Something long is said here about what is wrong. " * 6
    checks = (
        "memory-law",
        "hidden-memory",
        "memory-leak",
        "gradient-cost",
        "constant-field",
        "gradient-order",
    )
    return [
        result(name, check, p, measurements=(at_most("e", 1.0, 0.0),), remedy="Mend it. " * 9, diagnosis=long)
        for check in checks
        for p in ("a", "b")
    ]


def test_a_wrong_layer_takes_twelve_lines_at_most():
    text = printed(run_of(many_faults()), verbose=False, report="reports/mine/index.html", width=100)
    assert len(text.splitlines()) <= 12


def test_thirty_five_right_layers_take_forty_lines_at_most():
    names = [f"a-layer-of-some-library-{k}" for k in range(35)]
    run = run_of([r for name in names for r in right_results(name)], map(card, names))
    assert len(printed(run, verbose=False, report="reports/mine/index.html").splitlines()) <= 40


def test_faults_after_the_first_have_a_line_each():
    lines = printed(run_of(many_faults()), verbose=False, width=60).splitlines()
    assert sum(line.startswith("  ✗ ") and line.endswith("…") for line in lines) == 2
    assert "  and 1 more fault" in lines


def test_layers_that_are_wrong_stand_last():
    text = printed(realistic_run(), verbose=False, width=200)
    assert (
        text.index("odelayer is right")
        < text.index("mine-float32 is NOT")
        < text.index("blog layer is wrong")
    )


def test_an_unverified_layer_is_told_with_a_reason():
    text = printed(realistic_run(), verbose=False, width=200)
    assert "? gradient-order: Not asymptotic" in text


def test_what_the_scorecard_counts_is_said_below_it():
    assert "counted are results: one check on one problem" in printed(realistic_run())


def test_markup_in_a_name_is_printed_as_it_is():
    assert "[bold]x[/bold] <script>" in printed(run_of(right_results(HOSTILE), [card(HOSTILE)]))


def test_a_name_cannot_send_escape_sequences():
    bad = result(HOSTILE, "constant-field", measurements=(at_most(HOSTILE, 1.0, 0.0),), diagnosis=HOSTILE)
    assert "\x1b" not in printed(run_of([bad], load_errors={HOSTILE: HOSTILE}, warnings=(HOSTILE,)))


def test_a_console_that_cannot_show_a_tick_shows_words():
    text = printed(realistic_run(), encoding="ascii")
    assert "FAIL 1/5" in text


def test_a_very_long_name_is_shortened():
    assert len(printed(run_of(right_results("x" * 10_000), [card("x" * 10_000)]))) < 5_000


def test_what_an_interrupted_run_did_not_reach_is_told_in_one_line():
    nothing = {"outcome": Outcome.INCONCLUSIVE, "measurements": ()}
    undecided = result("a", "constant-field", **nothing, reason="not asymptotic")
    checks = ("every-parameter", "peak-memory", "saved-states")
    unreached = [result(name, check, **nothing, reason=NOT_REACHED) for name in "ab" for check in checks]
    text = printed(run_of([undecided, *unreached]))
    assert "? a constant-field: not asymptotic" in text
    assert f"? 6 results of 2 layers {NOT_REACHED}" in text
    assert text.count(NOT_REACHED) == 1


ALIKE = [f"torchdiffeq-odeint_adjoint-{kind}_adams-1" for kind in ("explicit", "implicit")]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_names_of_up_to_sixty_characters_stay_whole(width):
    undecided = {"outcome": Outcome.INCONCLUSIVE, "measurements": (), "reason": "not asymptotic"}
    known = {"measurements": (at_most("e", 1.0, 0.0),), "expected": "known"}
    results = [
        result(name, check, **changes)
        for name in ALIKE
        for check, changes in (("constant-field", known), ("every-parameter", undecided))
    ]
    text = printed(run_of(results), width=width)
    assert "…" not in text
    for name in ALIKE:
        assert text.count(name) == 4  # scorecard, failed as expected, inconclusive, verdict
    assert max(map(len, text.splitlines())) <= width


def test_long_names_are_shortened_in_the_scorecard_where_the_window_is_narrow_and_they_stay_apart():
    names = [f"{kind}-of-a-layer-with-a-long-name" for kind in ("adjoint", "discrete")]
    run = run_of([r for name in names for r in right_results(name)], map(card, names))
    assert "adjoint-of-a-layer…long-name   discrete-of-a-laye…long-name" in printed(run, width=80)


def test_a_long_traceback_keeps_its_end():
    trace = "\n".join(f"line {k}" for k in range(100)) + "\nValueError: the cause"
    bad = result("m", "constant-field", outcome=Outcome.ERROR, measurements=(), diagnosis=trace)
    text = printed(run_of([bad]))
    assert "ValueError: the cause" in text
    assert "line 5\n" not in text


def test_an_empty_run_is_told():
    assert "Nothing was run." in printed(run_of([]))


def test_load_errors_are_told():
    assert "x.py:Y could not be loaded" in printed(
        run_of([], load_errors={"x.py:Y": "ModuleNotFoundError: z"})
    )


def test_a_single_layer_is_read_from_top_to_bottom():
    lines = printed(run_of(right_results("mine"), [card("mine")])).splitlines()
    assert any(line.split() == ["forward", "✓", "5"] for line in lines)


def test_infinite_and_missing_values_are_told():
    results = [
        replace(r, measurements=(at_most("error", float("nan"), 1.0),)) for r in right_results("m")[:1]
    ]
    assert "value not a number, bound at most 1" in printed(run_of(results))
