"""The gradient monitor: it finds wrong gradients, is silent on right ones, and leaves the training alone."""

from __future__ import annotations

import sys

import pytest
import torch
from click.testing import CliRunner
from models import Tanh, detached_stage, ours
from torch import nn

import nodecheck
from nodecheck.frontends.cli.main import main
from nodecheck.own_model.time_budget import TimeBudget
from nodecheck.results.monitor import MonitorLog, load_log

TIMES = torch.linspace(0.0, 1.0, 4)
EXACT = ours(n_steps=12, solver="rk4")


class Model(nn.Module):
    """An encoder with dropout and batch norm, an ODE block, a decoder."""

    def __init__(self, solve):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.2))
        self.dynamics, self.decoder, self.solve = Tanh(), nn.Linear(2, 1), solve

    def forward(self, x):
        return self.decoder(self.solve(self.dynamics, self.encoder(x), TIMES)[-1])


def trained(solve, *, n=60, seed=0, noted=True, watched=True, **options):
    """Return a model after n steps, and its monitor."""
    torch.manual_seed(seed)
    solve = nodecheck.watch(solve)
    model = Model(solve)
    monitor = nodecheck.GradientMonitor(solve, model, **{"share": 0.9} | options)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(n):
        x = torch.randn(6, 3)

        def closure(x=x):
            return (model(x) - x.sum(-1, keepdim=True)).square().mean()

        if noted:
            monitor.before_forward()
        closure().backward()
        if watched:
            monitor.after_backward(closure)
        optimiser.step()
        optimiser.zero_grad()
    return model, monitor


def test_a_right_run_has_no_alarm():
    _, monitor = trained(EXACT)
    assert monitor.log.readings
    assert monitor.alarm is None


def test_a_detached_stage_is_an_alarm_at_the_first_readings():
    _, monitor = trained(detached_stage(4))
    assert monitor.alarm is not None
    assert monitor.alarm <= monitor.log.readings[:3][-1].iteration


def test_coarse_steps_are_an_alarm_for_a_small_budget():
    _, monitor = trained(ours(n_steps=3, solver="euler"), budget=0.005)
    assert monitor.alarm is not None


def test_the_training_is_the_same_bit_for_bit():
    (with_, monitor), (without, _) = trained(EXACT), trained(EXACT, watched=False)
    assert monitor.log.readings
    assert all(torch.equal(a, b) for a, b in zip(with_.parameters(), without.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(with_.buffers(), without.buffers(), strict=True))


def test_random_state_and_gradients_are_put_back():
    torch.manual_seed(0)
    solve = nodecheck.watch(EXACT)
    model, x = Model(solve), torch.randn(6, 3)
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)
    for _ in range(30):
        monitor.before_forward()
        model(x).sum().backward()
        before = [torch.random.get_rng_state(), *(p.grad.clone() for p in model.parameters())]
        monitor.after_backward(lambda: model(x).sum())
        after = [torch.random.get_rng_state(), *(p.grad for p in model.parameters())]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        model.zero_grad()
    assert monitor.log.readings


def test_random_numbers_that_are_not_repeated_end_the_readings_with_a_reason():
    with pytest.warns(UserWarning, match="takes none from iteration"):
        _, monitor = trained(EXACT, noted=False)
    assert not monitor.log.readings
    assert "call before_forward" in monitor.log.stopped


def test_a_closure_without_the_watched_solve_ends_the_readings():
    torch.manual_seed(0)
    solve, model = nodecheck.watch(EXACT), Model(EXACT)
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)

    def train():
        for _ in range(20):
            model(torch.ones(2, 3)).sum().backward()
            monitor.after_backward(lambda: model(torch.ones(2, 3)).sum())

    with pytest.warns(UserWarning, match="takes none from iteration .* alarm .* let the model solve") as told:
        train()
    assert len(told) == 1
    assert monitor.log.stopped.startswith("the closure does not call the watched solve")
    assert f"No reading was taken in 20 iterations. No more readings: {monitor.log.stopped}" in repr(monitor)


def test_clipping_that_begins_late_is_no_alarm():
    torch.manual_seed(0)
    solve = nodecheck.watch(EXACT)
    model, x = Model(solve).eval(), torch.randn(6, 3)
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)

    def train():
        for k in range(60):
            model(x).square().sum().backward()
            if k >= 30:
                nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
            monitor.after_backward(lambda: model(x).square().sum())
            model.zero_grad()

    with pytest.warns(UserWarning, match="or clipped before"):
        train()
    assert monitor.log.readings
    assert monitor.alarm is None
    assert monitor.log.verdict.startswith(f"No alarm in {len(monitor.log.readings)} reading")
    assert "does not repeat the step" in monitor.log.stopped


def test_a_batch_that_is_not_finite_is_left_out():
    torch.manual_seed(0)
    solve = nodecheck.watch(EXACT)
    model = Model(solve).eval()
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)
    for k in range(90):
        x = torch.full((6, 3), float("inf") if 30 <= k < 60 else 1.0)

        def closure(x=x):
            return model(x).square().sum()

        closure().backward()
        monitor.after_backward(closure)
        model.zero_grad()
    assert monitor.alarm is None
    assert not monitor.log.stopped
    assert monitor.log.readings[-1].iteration > 60


def scaled(solve, *, scale, told, n=30, overflow=False):
    """Return the monitor of steps whose loss is multiplied by a number before the backward pass."""
    torch.manual_seed(0)
    solve = nodecheck.watch(solve)
    model, x = Model(solve).eval(), torch.randn(6, 3)
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)
    for _ in range(n):
        (scale * model(x).square().sum()).backward()
        if overflow:
            model.decoder.weight.grad.fill_(float("inf"))
        monitor.after_backward(lambda: model(x).square().sum(), factor=told)
        model.zero_grad()
    return monitor


@pytest.mark.parametrize("scale", [1024.0, 1 / 8])
def test_a_scaled_gradient_is_read_where_the_factor_is_told(scale):
    right, wrong = (scaled(solve, scale=scale, told=scale) for solve in (EXACT, detached_stage(4)))
    assert right.log.readings
    assert right.alarm is None
    assert wrong.alarm == wrong.log.readings[0].iteration


def test_a_scaled_gradient_ends_the_readings_where_the_factor_is_not_told():
    with pytest.warns(UserWarning, match="tell factor="):
        monitor = scaled(EXACT, scale=2.0, told=1.0)
    assert not monitor.log.readings
    assert "does not repeat the step" in monitor.log.stopped


def test_a_scaled_gradient_that_overflows_is_left_out():
    monitor = scaled(EXACT, scale=4.0, told=4.0, overflow=True)
    assert not monitor.log.readings
    assert not monitor.log.stopped
    assert f"Left out, as a gradient was not finite: {monitor.log.left_out}" in repr(monitor)
    assert monitor.log.left_out >= 1


def test_without_lightning_its_callback_is_refused(monkeypatch):
    solve = nodecheck.watch(EXACT)
    monitor = nodecheck.GradientMonitor(solve, Model(solve))
    for name in ("pytorch_lightning", "lightning", "lightning.pytorch"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="needs pytorch_lightning or lightning, got neither"):
        monitor.lightning_callback()


def test_modules_that_the_monitor_is_not_told_are_put_back_too():
    """Given parameters alone, it does not know of the encoder's batch norm."""
    torch.manual_seed(0)
    solve = nodecheck.watch(EXACT)
    model, x = Model(solve), torch.randn(6, 3)
    monitor = nodecheck.GradientMonitor(solve, model.parameters(), share=0.9)
    for step in range(1, 31):
        monitor.before_forward()
        model(x).sum().backward()
        monitor.after_backward(lambda: model(x).sum())
        model.zero_grad()
        assert model.encoder[1].num_batches_tracked == step
    assert monitor.log.readings


def test_a_gradient_of_nan_is_an_alarm_where_the_exact_one_is_finite():
    def broken(dynamics, y0, t):
        states = EXACT(dynamics, y0, t)
        states.register_hook(lambda g: g * float("nan"))
        return states

    torch.manual_seed(0)
    solve = nodecheck.watch(broken)
    model, x = Model(solve).eval(), torch.randn(6, 3)
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)
    for _ in range(30):
        model(x).square().sum().backward()
        monitor.after_backward(lambda: model(x).square().sum())
        model.zero_grad()
    assert monitor.alarm is not None


def test_scalars_are_handed_to_a_writer():
    names = set()

    class Writer:
        def add_scalar(self, name, value, iteration):
            names.add(name)

    trained(EXACT, writer=Writer())
    assert names == {"nodecheck/gradient error", "nodecheck/cosine"}


def test_a_saved_log_is_read_again_and_drawn(tmp_path):
    _, monitor = trained(detached_stage(4))
    path = monitor.save(tmp_path / "log.json")
    assert load_log(path) == monitor.log
    done = CliRunner().invoke(main, ["report", str(path)])
    assert done.exit_code == 0
    assert "Alarm at iteration" in (tmp_path / "log.html").read_text(encoding="utf-8")


def test_a_log_without_readings_is_drawn(tmp_path):
    path = MonitorLog(0.05, (), 3, 1.0, 0.0).save(tmp_path / "log.json")
    CliRunner().invoke(main, ["report", str(path)], catch_exceptions=False)
    assert "No reading was taken" in (tmp_path / "log.html").read_text(encoding="utf-8")


def test_before_the_first_reading_a_monitor_tells_what_it_waits_for(tmp_path):
    _, monitor = trained(EXACT, n=12, share=0.02)
    told = repr(monitor)
    assert "No reading was taken in 12 iterations. Next reading: about iteration 25" in told
    assert "a larger share gives earlier ones" in told
    CliRunner().invoke(main, ["report", str(monitor.save(tmp_path / "log.json"))], catch_exceptions=False)
    page = " ".join((tmp_path / "log.html").read_text(encoding="utf-8").split())
    assert "Next reading: about iteration 25" in page


def test_a_monitor_prints_its_worst_error_and_when_it_reads_next():
    _, monitor = trained(detached_stage(4))
    worst = max(monitor.log.readings, key=lambda r: r.error)
    assert f"Alarm at iteration {monitor.alarm}: the largest error" in repr(monitor)
    assert f"at iteration {worst.iteration}. Next reading: about iteration" in repr(monitor)


def test_a_share_that_never_pays_for_a_reading_is_told_once():
    with pytest.warns(UserWarning, match="raise share above 0.005") as told:
        _, monitor = trained(EXACT, n=12, share=0.004)
    assert len(told) == 1
    assert "Next reading: none: a reading takes the time of 5 steps" in repr(monitor)


@pytest.mark.parametrize(("cost", "never"), [(15.0, False), (17.0, True)])
def test_a_reading_that_costs_more_than_a_window_pays_for_has_no_next(cost, never):
    budget = TimeBudget(0.02)
    for iteration in range(2000):
        budget.add_step(1.0)
        if budget.is_due(iteration):
            budget.add_reading(iteration, cost)
    assert (budget.spent == cost) is never
    assert bool(budget.why_never) is never
    assert ("none: a reading takes the time of 21 steps" in budget.next_reading(2000)) is never


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_readings_come_when_they_are_expected(share):
    """The expectation before each reading, with a cost that does not change."""
    budget, expected, told = TimeBudget(share), [], ""
    for iteration in range(1, 3000):
        budget.add_step(1.0)
        if budget.is_due(iteration):
            expected.append((int(told.split("iteration ")[1].split(",")[0]), iteration))
            budget.add_reading(iteration, 5.0)
        told = budget.next_reading(iteration)
    assert len(expected) >= 5
    assert all(abs(then - now) <= 1 for then, now in expected)


def test_a_file_that_is_no_log_is_refused(tmp_path):
    (tmp_path / "log.json").write_text("[]")
    with pytest.raises(ValueError, match="expected the log of a GradientMonitor"):
        load_log(tmp_path / "log.json")


@pytest.mark.parametrize(
    ("solve", "model", "words"),
    [
        (EXACT, Tanh(), "solve must be what nodecheck.watch"),
        (nodecheck.watch(EXACT), [], "model must have parameters"),
    ],
    ids=["solve", "model"],
)
def test_wrong_arguments_of_a_monitor_are_refused(solve, model, words):
    with pytest.raises((TypeError, ValueError), match=words):
        nodecheck.GradientMonitor(solve, model)


@pytest.mark.parametrize("option", ["budget", "share"])
def test_shares_are_between_zero_and_one(option):
    with pytest.raises(
        ValueError, match=rf"{option} must be a .* above 0 and below 1, got 2.0; did you mean 2 %"
    ):
        nodecheck.GradientMonitor(nodecheck.watch(EXACT), Tanh(), **{option: 2.0})


def test_budget_and_share_may_be_written_in_per_cent():
    monitor = nodecheck.GradientMonitor(nodecheck.watch(EXACT), Tanh(), budget="5%", share="30 %")
    assert monitor.budget == monitor.log.budget == 0.05


@pytest.mark.parametrize("cost", [0.5, 3.0, 12.0])
@pytest.mark.parametrize("share", [0.02, 0.2])
def test_readings_stay_within_their_share_of_any_thousand_iterations(cost, share):
    """Iterations of one second, and readings of a known cost."""
    budget, spent = TimeBudget(share), []
    for iteration in range(5000):
        budget.add_step(1.0)
        due = budget.is_due(iteration)
        if due:
            budget.add_reading(iteration, cost)
        spent.append(cost if due else 0.0)
    sums = [sum(spent[k : k + 1000]) for k in range(0, 4000, 50)]
    assert max(sums) <= share * 1000
    assert sum(spent) > 0.2 * share * 5000


def test_a_first_reading_that_costs_more_is_paid_before_the_next():
    budget = TimeBudget(0.1)
    for iteration in range(2000):
        budget.add_step(1.0)
        if budget.is_due(iteration):
            budget.add_reading(iteration, 80.0)
    assert budget.spent <= 0.1 * budget.trained


def shrinking(*, scales=(1.0, 0.01), each=40):
    """Return the monitor of a frozen model with a rough solve, whose loss becomes a hundred times smaller."""
    torch.manual_seed(0)
    solve = nodecheck.watch(ours(n_steps=6, solver="euler"))
    model, x = Model(solve).eval(), torch.randn(6, 3)
    monitor = nodecheck.GradientMonitor(solve, model, budget=0.5, share=0.9)
    for scale in scales:
        for _ in range(each):
            closure = lambda scale=scale: scale * model(x).square().sum()  # noqa: E731
            closure().backward()
            monitor.after_backward(closure)
            model.zero_grad()
    return monitor


def test_a_small_gradient_is_measured_against_its_usual_size():
    readings = shrinking().log.readings
    first, small = readings[0], next(r for r in readings if r.iteration > 40)
    assert first.error == pytest.approx(first.relative)
    assert small.error < 0.1 * small.relative
    assert small.relative == pytest.approx(first.relative, rel=1e-3)


def test_the_page_says_to_what_an_error_is_relative(tmp_path):
    path = shrinking(scales=(1.0,)).save(tmp_path / "log.json")
    CliRunner().invoke(main, ["report", str(path)], catch_exceptions=False)
    page = (tmp_path / "log.html").read_text(encoding="utf-8")
    assert "over its usual norm where that is larger" in " ".join(page.split())
    assert "Relative to the exact gradient of the step alone" in page


def test_a_log_without_relative_errors_is_still_drawn(tmp_path):
    old = b'{"budget": 0.05, "readings": [{"iteration": 9, "error": 0.01, "cosine": 1.0, "seconds": 0.1, '
    old += b'"tol": 1e-4, "over": false, "alarm": false}], "iterations": 9, "trained": 1.0, "spent": 0.1}'
    (tmp_path / "log.json").write_bytes(old)
    CliRunner().invoke(main, ["report", str(tmp_path / "log.json")], catch_exceptions=False)
    assert "not recorded" in (tmp_path / "log.html").read_text(encoding="utf-8")
