"""A `GradientMonitor` as a callback of PyTorch Lightning, under either of its two names."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import Tensor

if TYPE_CHECKING:
    from nodecheck.own_model.monitor import GradientMonitor

__all__ = ["callback_of"]

_NAMES = ("lightning.pytorch", "pytorch_lightning")
LossOfBatch = Callable[[Any, Any, int], Tensor]


def callback_of(monitor: GradientMonitor, loss: LossOfBatch | None) -> Any:
    """Return a callback that takes the readings of a monitor.

    A gradient is read as soon as its backward pass ends: before hooks of the model, clipping and the
    optimiser.  It is still multiplied by the scale of mixed precision then, and divided by the number of
    batches whose gradients are added up; of these the first is read, whose gradient is alone.

    Parameters
    ----------
    monitor : GradientMonitor
        Takes the readings.
    loss : function or None
        ``loss(module, batch, batch_idx)``; None for the `training_step`.

    Raises
    ------
    ImportError
        If Lightning is not installed.
    """
    return _class_for(_lightning().Callback)(monitor, loss or _loss_of_training_step)


def _lightning() -> Any:
    """Return the package that is imported already, or that is installed; callbacks of both are alike."""
    for name in sorted(_NAMES, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    message = (
        "lightning_callback needs pytorch_lightning or lightning, got neither; pip install pytorch-lightning"
    )
    raise ImportError(message)


def _class_for(base: Any) -> Any:
    class MonitorCallback(base):  # type: ignore[misc]
        """Takes a reading after a backward pass, now and then."""

        def __init__(self, monitor: GradientMonitor, loss: LossOfBatch) -> None:
            self._monitor, self._loss = monitor, loss
            self._batch: tuple[Any, int] | None = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Refuse what has no gradient of one batch in one process."""
            _refuse(trainer, pl_module)
            self._monitor.keep(pl_module)

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            """Note the batch and the random state, if the gradients begin anew with it."""
            del pl_module
            alone = batch_idx % trainer.accumulate_grad_batches == 0
            self._batch = (batch, batch_idx) if alone else None
            if alone:
                self._monitor.before_forward()

        def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
            """Take a reading if it is time for one; an optimiser may have more backward passes in a step."""
            if self._batch is None:
                return
            (batch, batch_idx), self._batch = self._batch, None

            def closure() -> Tensor:
                with trainer.precision_plugin.train_step_context():
                    return self._loss(pl_module, batch, batch_idx)

            self._monitor.after_backward(closure, factor=_factor(trainer))

    return MonitorCallback


def _factor(trainer: Any) -> float:
    """Return the factor of the loss: the scale of mixed precision over the number of batches added up."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    scale = 1.0 if scaler is None else float(scaler.get_scale())
    return scale / float(trainer.accumulate_grad_batches)


def _refuse(trainer: Any, module: Any) -> None:
    """Raise a ValueError for manual optimisation, and for several processes."""
    if not module.automatic_optimization:
        message = (
            "the callback needs automatic_optimization=True, got False: the training step itself changes the "
            "parameters; call monitor.before_forward() before its forward pass, and "
            "monitor.after_backward(closure) after manual_backward"
        )
        raise ValueError(message)
    if trainer.world_size > 1:
        message = (
            f"the callback needs one process, got {trainer.world_size}: gradients are averaged over the "
            "batches of all; monitor a run on one device"
        )
        raise ValueError(message)


def _loss_of_training_step(module: Any, batch: Any, batch_idx: int) -> Tensor:
    """Return the loss of the training step of a module; what it logs is left out."""
    step = module.training_step
    arguments = (batch, batch_idx)[: max(1, len(inspect.signature(step).parameters))]

    def nothing(*_: Any, **__: Any) -> None:
        return None

    with mock.patch.object(module, "log", nothing), mock.patch.object(module, "log_dict", nothing):
        output = step(*arguments)
    loss = output.get("loss") if isinstance(output, Mapping) else output
    if not isinstance(loss, torch.Tensor):
        message = f"training_step must return a loss again, got {type(loss).__name__}; give loss="
        raise TypeError(message)
    return loss
