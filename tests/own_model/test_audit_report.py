"""The reports of an audit: text, page, JSON, the command, and what is refused."""

from __future__ import annotations

import math

import html5lib
import pytest
import torch
from click.testing import CliRunner
from models import Tanh, batch, by_hand, loss, made, ours

import nodecheck
from nodecheck.frontends.cli.main import main
from nodecheck.own_model.conduct import conduct
from nodecheck.report.audit_page import render_audit
from nodecheck.report.audit_text import audit_text
from nodecheck.report.audit_words import advice, headline, recommended
from nodecheck.results.audit import AuditRecord, Outcome, Part, Setting, TensorError, load_audit
from nodecheck.results.percentages import percent

TIMES = torch.tensor([0.0, 1.0])
MODULE = """
import torch
from torch import nn
import nodecheck

class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)
    def forward(self, t, y):
        return torch.tanh(self.net(y))

def solve(dynamics, y0, t):
    return nodecheck.ODELayer(dynamics, 0.0, 1.0, STEPS, solver="euler")(y0)

torch.manual_seed(0)
AUDIT = nodecheck.Audit("mine", solve, Field(), torch.randn(4, 2), torch.tensor([0.0, 1.0]))
OTHER = 3
"""


@pytest.fixture(scope="module")
def report():
    dynamics = made(Tanh)
    return nodecheck.audit(ours(n_steps=3, solver="euler"), dynamics, batch(dynamics), TIMES, loss=loss)


def test_the_first_line_is_the_verdict(report):
    assert "more than the target of 1 %. Cause: settings, mostly error of" in " ".join(str(report).split())


def test_the_text_fits_a_screen(report):
    assert len(str(report).splitlines()) <= 30


def test_a_cheaper_setting_is_recommended(report):
    assert "The cheapest setting within half the target: ODELayer, " in " ".join(str(report).split())


def test_the_page_is_one_file_without_a_script(report, tmp_path):
    page = report.save(tmp_path / "new").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<svg") >= 3


def test_a_notebook_shows_the_body_of_the_page(report):
    assert report._repr_html_() in render_audit(report.record)


def test_a_saved_record_is_read_again(report, tmp_path):
    report.save(tmp_path)
    assert load_audit(tmp_path) == report.record
    assert render_audit(load_audit(tmp_path)) == render_audit(report.record)


def test_numbers_that_are_not_finite_survive_in_json(tmp_path):
    record = AuditRecord("mine", 0.01, Outcome.NOT_AUDITED, "dropout")
    record.save(tmp_path)
    assert math.isnan(load_audit(tmp_path).error)


def test_a_file_that_holds_no_audit_is_refused(tmp_path):
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(ValueError, match="of `nodecheck audit` at"):
        load_audit(tmp_path)


def test_a_record_without_numbers_is_shown():
    record = AuditRecord("mine", 0.01, Outcome.NOT_AUDITED, "dropout")
    assert headline(record) == "mine was not audited. dropout"
    assert "mine was not audited" in render_audit(record)
    assert audit_text(record).startswith("· mine was not audited")


def rows(*errors):
    return tuple(TensorError(f"net.{k}.weight", 1.0, e, 1.0, {}, missing=False) for k, e in enumerate(errors))


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ((0.014, 0.002), ". The target is for the whole gradient: net.0.weight alone is off by 1.4 %"),
        ((0.03, 0.014), ": net.0.weight alone is off by 3 %, net.1.weight by 1.4 %"),
        ((0.05, 0.04, 0.03, 0.02), "net.1.weight by 4 %, net.2.weight by 3 %, and 1 more"),
        ((0.01, 0.002), "within the target of 1 %"),
    ],
)
def test_tensors_beyond_the_target_are_named_beside_the_verdict(errors, words):
    record = AuditRecord("mine", 0.01, Outcome.WITHIN_TARGET, error=0.009, tensors=rows(*errors))
    assert headline(record).endswith(words)
    assert f"{words.strip('. ')}" in " ".join(render_audit(record).split())


def test_a_bug_says_that_no_setting_mends_it():
    dynamics = made(Tanh)
    wrong = nodecheck.audit(
        by_hand(16, "two per cent"),
        dynamics,
        batch(dynamics),
        TIMES,
        loss=loss,
        refine=lambda level: by_hand(16 * 2**level, "two per cent"),
    )
    assert "this is a bug" in str(wrong)
    assert "No setting of the solver mends it" in str(wrong)
    for shown in (str(wrong), wrong._repr_html_()):
        assert "what finer settings do not remove" in " ".join(shown.split())


def test_what_finer_settings_reduce_is_called_what_is_left_at_the_finest():
    """A missing step is of order one, and smaller with smaller steps: no plateau is found."""
    dynamics = made(Tanh)
    found = nodecheck.audit(
        by_hand(16, "a step is missing"),
        dynamics,
        batch(dynamics),
        TIMES,
        loss=loss,
        refine=lambda level: by_hand(16 * 2**level, "a step is missing"),
    )
    assert found.outcome is Outcome.TOLERANCE
    for shown in (str(found), found._repr_html_()):
        assert "what is left at the finest setting tried" in " ".join(shown.split())
        assert "do not remove" not in shown


def test_of_a_missing_gradient_no_plateau_is_claimed():
    missing = TensorError("net.0.weight", 1.0, 1.0, 0.0, {}, missing=True)
    record = AuditRecord(
        "mine", 0.01, Outcome.BUG, parts=(Part("unexplained", 1.0, 1.0),), tensors=(missing,)
    )
    assert "what is left at the finest setting tried" in audit_text(record)


def test_an_audit_without_a_loss_says_which_it_took():
    dynamics = made(Tanh)
    own, none = (
        nodecheck.audit(ours(n_steps=9), dynamics, batch(dynamics), TIMES, loss=chosen)
        for chosen in (loss, None)
    )
    told = "loss: none was given: a linear function of the states with random weights"
    assert told in " ".join(str(none).split())
    assert "solver" in none.record.facts
    assert "loss" not in own.record.facts


@pytest.mark.parametrize(
    ("solver", "evaluations", "told"),
    [
        ("torchdiffeq dopri5, rtol 1e-07, atol 1e-07", "140 and 0", True),
        ("torchdiffeq dopri5, rtol 1e-07, atol 1e-07", "140 and 160", False),
        ("torchdiffeq rk4, steps of 0.1", "40 and 0", False),
        ("ODELayer, dopri5", "140 and 0", False),
    ],
)
def test_a_bug_of_backprop_by_tolerance_asks_for_jumps(solver, evaluations, told):
    facts = {"solver": solver, "evaluations, forward and backward": evaluations}
    record = AuditRecord("mine", 0.01, Outcome.BUG, error=0.02, facts=facts)
    assert ("'first_step'" in advice(record)) is told


class Jumping(torch.nn.Module):
    """A field that jumps at t = 0.37."""

    def __init__(self):
        super().__init__()
        self.net = Tanh()

    def forward(self, t, y):
        return self.net(t, y) * (1.0 if t < 0.37 else -3.0)


def test_the_facts_of_an_audit_name_torchdiffeq_and_its_evaluations():
    torchdiffeq = pytest.importorskip("torchdiffeq")
    dynamics = made(Jumping)
    found = nodecheck.audit(
        lambda field, y, t: torchdiffeq.odeint(field, y, t, rtol=1e-7, atol=1e-7),
        dynamics,
        batch(dynamics),
        TIMES,
        loss=loss,
        target=1e-3,
    )
    assert found.record.outcome is Outcome.BUG
    assert "'first_step'" in str(found).replace("\n", " ")


def test_two_audits_are_compared(tmp_path, capsys):
    dynamics = made(Tanh)
    for name, steps in (("coarse", 3), ("fine", 30)):
        solve = ours(n_steps=steps, solver="rk4")
        nodecheck.audit(solve, dynamics, batch(dynamics), TIMES, loss=loss).save(tmp_path / name)
    better = CliRunner().invoke(main, ["compare", f"{tmp_path}/coarse", f"{tmp_path}/fine"])
    arguments = (f"{tmp_path}/fine", f"{tmp_path}/coarse/audit.json", "--output", f"{tmp_path}/changes")
    worse = CliRunner().invoke(main, ["compare", *arguments])
    assert (better.exit_code, worse.exit_code) == (0, 1)
    assert "net.0.weight" in better.output
    page = (tmp_path / "changes" / "index.html").read_text(encoding="utf-8")
    assert worse.output.splitlines()[0] in page
    assert "net.0.weight" in page
    html5lib.HTMLParser(strict=True).parse(page)


def test_the_page_of_a_stored_audit_is_written_again(report, tmp_path):
    page = report.save(tmp_path)
    text = page.read_text(encoding="utf-8")
    page.unlink()
    assert CliRunner().invoke(main, ["report", str(tmp_path)]).exit_code == 0
    assert page.read_text(encoding="utf-8") == text


def test_an_interrupted_audit_keeps_what_it_knows():
    dynamics = made(Tanh)
    audit = nodecheck.Audit("mine", ours(n_steps=3), dynamics, batch(dynamics), TIMES, loss)

    def interrupt(what):
        if what == "the causes of its error":
            raise KeyboardInterrupt

    record = conduct(audit, interrupt)
    assert record.reason == "it was interrupted"
    assert record.error > 0


def test_a_training_step_that_draws_random_numbers_has_an_uncertain_error():
    dynamics = made(Tanh)

    def solve(dynamics, y0, t):
        return ours(n_steps=30, solver="rk4")(dynamics, y0 + 0.1 * torch.randn_like(y0), t)

    record = nodecheck.audit(solve, dynamics, batch(dynamics), TIMES, loss=loss).record
    assert record.outcome is Outcome.INCONCLUSIVE
    assert "two equal training steps" in record.reference


@pytest.mark.parametrize(
    ("value", "text"), [(0.046, "4.6 %"), (1.2, "120 %"), (1.7e-6, "0.00017 %"), (math.nan, "unknown")]
)
def test_relative_numbers_are_in_per_cent(value, text):
    assert percent(value) == text


def test_the_recommended_setting_has_a_margin_to_the_target():
    settings = tuple(Setting("k", str(e), e, n, 0.1) for e, n in ((0.009, 10), (0.004, 30), (0.001, 90)))
    record = AuditRecord("mine", 0.01, Outcome.TOLERANCE, settings=settings)
    assert recommended(record).evaluations == 30


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("solve", 3, "solve must be a function"),
        ("dynamics", torch.tanh, "dynamics must be an nn.Module"),
        ("y0", [1.0], "y0 must be a tensor or a tuple of tensors"),
        ("t", torch.tensor([0.0]), "t must be a tensor of at least two times"),
        ("t", torch.tensor([0.0, 2.0, 1.0]), "t must increase or decrease"),
        ("target", -1.0, "target must be a relative error above 0 and below 1, got -1.0; write 0.01"),
        ("target", "much", "target must be a relative error above 0 and below 1, got 'much'; write 0.01"),
        ("target", 1, "got 1; did you mean 1 %: 0.01"),
        ("target", "2.5", "got '2.5'; did you mean 2.5 %: 0.025"),
        ("target", "100%", "got '100%'; write 0.01 or \"1%\""),
        ("target", None, "got None; write 0.01"),
        ("target", math.nan, "got nan; write 0.01"),
        ("target", True, "got True; write 0.01"),
    ],
)
def test_wrong_arguments_are_refused(name, value, words):
    arguments = {
        "name": "mine",
        "solve": ours(n_steps=3),
        "dynamics": Tanh(),
        "y0": torch.ones(1, 2),
        "t": TIMES,
    }
    with pytest.raises((TypeError, ValueError), match=words):
        nodecheck.Audit(**{**arguments, name: value})


@pytest.mark.parametrize("target", ["1%", " 1 %", "0.01", 0.01, torch.tensor(0.01, dtype=torch.float64)])
def test_a_target_is_a_number_or_text_as_on_the_command_line(target):
    assert (
        nodecheck.Audit("mine", ours(n_steps=3), Tanh(), torch.ones(1, 2), TIMES, target=target).target
        == 0.01
    )


def test_an_audit_from_python_takes_its_target_in_per_cent():
    dynamics = made(Tanh)
    solve = ours(n_steps=3, solver="euler")
    found = nodecheck.audit(solve, dynamics, batch(dynamics), TIMES, loss=loss, target="30%")
    assert (found.record.target, found.outcome) == (0.3, Outcome.WITHIN_TARGET)


def test_a_solve_that_ignores_its_dynamics_is_refused():
    other = made(Tanh)

    def solve(dynamics, y0, t):
        return ours(n_steps=3)(other, y0, t)

    with pytest.raises(ValueError, match="must call the dynamics it is given, got no call"):
        nodecheck.audit(solve, made(Tanh), torch.ones(1, 2), TIMES)


@pytest.mark.parametrize(("steps", "code"), [(400, 0), (2, 1)])
def test_the_command_exits_with_one_beyond_the_target(tmp_path, steps, code):
    (tmp_path / "my.py").write_text(MODULE.replace("STEPS", str(steps)))
    done = CliRunner().invoke(main, ["audit", f"{tmp_path}/my.py:AUDIT", "--output", f"{tmp_path}/out"])
    assert done.exit_code == code, done.output
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"audit.json", "index.html"}


@pytest.mark.parametrize(
    ("target", "options", "code", "words"),
    [
        ("my.py", (), 2, "add the object"),
        ("my.py:OTHER", (), 2, "expected a nodecheck.Audit"),
        ("my.py:MISSING", (), 3, "expected an attribute 'MISSING'"),
        ("none.py:AUDIT", (), 3, "expected a Python file"),
        ("my.py:AUDIT", ("--target", "much"), 2, "--target must be a relative error above 0"),
        ("my.py:AUDIT", ("--target", "1"), 2, "did you mean 1 %: 0.01"),
    ],
)
def test_wrong_usage_of_the_command(tmp_path, target, options, code, words):
    (tmp_path / "my.py").write_text(MODULE.replace("STEPS", "2"))
    done = CliRunner().invoke(main, ["audit", f"{tmp_path}/{target}", *options])
    assert done.exit_code == code
    assert words in " ".join(done.output.split())


def test_the_target_of_the_command_may_be_in_per_cent(tmp_path):
    (tmp_path / "my.py").write_text(MODULE.replace("STEPS", "20"))
    CliRunner().invoke(
        main, ["audit", f"{tmp_path}/my.py:AUDIT", "--target", "30%", "--output", f"{tmp_path}/out"]
    )
    assert load_audit(tmp_path / "out").target == pytest.approx(0.3)
