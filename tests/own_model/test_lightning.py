"""The gradient monitor as a callback of PyTorch Lightning: it reads rightly, and training stays the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from models import Tanh, detached_stage, ours
from torch import nn

import nodecheck
from nodecheck.own_model.lightning import _refuse

pl = pytest.importorskip("pytorch_lightning", reason="needs PyTorch Lightning: pip install pytorch-lightning")
torchmetrics = pytest.importorskip("torchmetrics", reason="comes with PyTorch Lightning")

pytestmark = pytest.mark.filterwarnings("ignore")  # of the Trainer: workers, loggers, deprecations

TIMES = torch.linspace(0.0, 1.0, 4)
EXACT = ours(n_steps=6, solver="rk4")


class Model(pl.LightningModule):
    """Batch norm and dropout before an ODE block; a training step logs, counts and keeps numbers."""

    def __init__(self, solve):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.2))
        self.dynamics, self.decoder, self.solve = Tanh(), nn.Linear(2, 1), solve
        self.mean, self.steps, self.losses = torchmetrics.MeanMetric(), 0, []

    def forward(self, x):
        encoded = self.encoder(x).float()  # in half precision where the Trainer says so
        with torch.autocast("cpu", enabled=False):
            return self.decoder(self.solve(self.dynamics, encoded, TIMES)[-1])

    def training_step(self, batch, batch_idx):
        loss = (self(batch) - batch.sum(-1, keepdim=True)).square().mean()
        self.steps += 1
        self.losses.append(loss.item())
        self.log("loss", loss, on_epoch=True)
        self.log("mean", self.mean(loss))
        return {"loss": loss}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


class Manual(Model):
    def __init__(self, solve):
        super().__init__(solve)
        self.automatic_optimization = False


def fitted(solve, *, monitored=True, kind=Model, loss=None, scaler=None, batches=30, **options):
    """Return the trained model, its monitor and the trainer."""
    pl.seed_everything(0, verbose=False)
    solve = nodecheck.watch(solve)
    model = kind(solve)
    monitor = nodecheck.GradientMonitor(solve, model, share=0.9)
    if scaler is not None:
        from pytorch_lightning.plugins import MixedPrecision

        options["plugins"] = [MixedPrecision("16-mixed", "cpu", scaler)]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[monitor.lightning_callback(loss)] if monitored else [],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(model, torch.utils.data.DataLoader(torch.randn(6 * batches, 3), batch_size=6))
    return model, monitor, trainer


WAYS = {
    "plain": {},
    "accumulated": {"accumulate_grad_batches": 3},
    "clipped": {"gradient_clip_val": 1e-3},
    "bf16": {"precision": "bf16-mixed"},
    "all": {"accumulate_grad_batches": 2, "gradient_clip_val": 1e-3},
}


def scaler_of(way):
    return torch.amp.GradScaler("cpu") if way == "all" else None


@pytest.mark.parametrize("way", WAYS)
def test_a_right_run_is_read_and_has_no_alarm(way):
    _, monitor, _ = fitted(EXACT, scaler=scaler_of(way), **WAYS[way])
    assert monitor.log.readings
    assert not monitor.log.stopped
    assert max(reading.error for reading in monitor.log.readings) < 5e-3


@pytest.mark.parametrize("way", WAYS)
def test_a_detached_stage_is_an_alarm_at_the_first_reading(way):
    _, monitor, _ = fitted(detached_stage(4), scaler=scaler_of(way), **WAYS[way])
    assert monitor.alarm == monitor.log.readings[0].iteration


@pytest.mark.parametrize("way", ["plain", "all"])
def test_the_training_is_the_same_bit_for_bit(way):
    (a, monitor, one), (b, _, other) = (
        fitted(EXACT, monitored=monitored, scaler=scaler_of(way), **WAYS[way]) for monitored in (True, False)
    )
    assert monitor.log.readings
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert all(torch.equal(p, q) for p, q in zip(a.buffers(), b.buffers(), strict=True))
    assert (a.steps, a.losses) == (b.steps, b.losses)
    assert one.callback_metrics == other.callback_metrics


def test_steps_that_overflow_in_half_precision_are_left_out():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30)
    _, monitor, _ = fitted(EXACT, scaler=scaler)
    assert scaler.get_scale() < 2.0**20
    assert monitor.log.readings
    assert monitor.alarm is None
    assert not monitor.log.stopped


def test_accumulated_batches_are_one_iteration():
    _, monitor, trainer = fitted(EXACT, accumulate_grad_batches=3)
    assert monitor.log.iterations == trainer.global_step == 20


def test_the_loss_may_be_given():
    seen = []

    def loss(module, batch, batch_idx):
        seen.append(batch_idx)
        return (module(batch) - batch.sum(-1, keepdim=True)).square().mean()

    _, monitor, _ = fitted(EXACT, loss=loss)
    assert seen
    assert not monitor.log.stopped


def test_manual_optimisation_is_refused():
    with pytest.raises(ValueError, match="needs automatic_optimization=True"):
        fitted(EXACT, kind=Manual)


def test_several_processes_are_refused():
    module = SimpleNamespace(automatic_optimization=True)
    with pytest.raises(ValueError, match="needs one process, got 2"):
        _refuse(SimpleNamespace(world_size=2), module)
