"""The gradient of a training run beside an exact one, now and then."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.numerics.audit_constants import (
    ALARM_AT_ONCE,
    EXACT_TOLERANCE,
    FINEST_EXACT_TOLERANCE,
    HISTORY_WEIGHT,
    MONITOR_AGREEMENT,
    READINGS_OF_AN_ALARM,
    SAME_STEP,
    TOLERANCE_RATIO,
)
from nodecheck.own_model.time_budget import TimeBudget
from nodecheck.own_model.unchanged import RandomStates, leaves_unchanged, unchanged
from nodecheck.own_model.watched import ExactSolve, WatchedSolve
from nodecheck.results.monitor import MonitorLog, Reading
from nodecheck.results.percentages import fraction

__all__ = ["GradientMonitor"]


class GradientMonitor:
    """Compares the gradient of a training step with an exact one, within a share of the time.

    Parameters
    ----------
    solve : WatchedSolve
        What `nodecheck.watch` returns; the model must solve with it.
    model : nn.Module or iterable of parameters
        The parameters that are trained.  Of a module the buffers are also put back after each reading.
    budget : float or str
        The error of the gradient that is acceptable: the distance to the exact gradient of the same step,
        over the norm of that, or over its usual norm in this run where that is larger (see the notes).
    share : float or str
        The share of the training time that readings may take, over any 1000 iterations: 0.02, or "2%".  The
        first reading comes once it pays for five steps: at 0.02 after 250 iterations, at 0.2 after 25.
    writer : object or None
        Has ``add_scalar(name, value, iteration)``, as the SummaryWriter of TensorBoard.

    Warns
    -----
    UserWarning
        Once, if no more readings are taken: the closure does not repeat the step, or `share` pays for none.

    Notes
    -----
    A reading repeats the step with an exact solve, and compares the gradient with that in `p.grad`.  The
    random numbers are those of the step where `before_forward` is called before it.  Random states, gradients
    and what the model holds are afterwards what they were before.  A hook of a module is called in a reading,
    as in any forward pass.  A reading over the budget is repeated with a more exact solve before it counts.

    The usual norm of the exact gradient is the root of its mean square over the readings, in which the newest
    weigh most.  Without it the small gradients near a minimum would be alarms.  Each reading also holds the
    error relative to the exact gradient of its step alone, as `relative`.

    Examples
    --------
    ::

        solve = nodecheck.watch(solve)
        monitor = nodecheck.GradientMonitor(solve, model, budget=0.05, share=0.02)
        for batch in loader:
            monitor.before_forward()
            closure = lambda: loss_of(model, batch)    # forward pass alone
            closure().backward()
            monitor.after_backward(closure)
            optimiser.step(); optimiser.zero_grad()
    """

    def __init__(
        self,
        solve: WatchedSolve,
        model: nn.Module | Iterable[nn.Parameter],
        *,
        budget: float | str = 0.05,
        share: float | str = 0.02,
        writer: Any = None,
    ) -> None:
        if not isinstance(solve, WatchedSolve):
            message = (
                f"solve must be what nodecheck.watch(solve) returns, got {type(solve).__name__}; wrap it"
            )
            raise TypeError(message)
        self._solve, self._modules = solve, [model] if isinstance(model, nn.Module) else []
        parameters = model.parameters() if isinstance(model, nn.Module) else model
        self._parameters = [p for p in parameters if p.requires_grad]
        if not self._parameters:
            message = "model must have parameters that require grad, got none; pass the model that is trained"
            raise ValueError(message)
        self.budget, self._writer = fraction(budget, "budget"), writer
        self._time, self._exact = (
            TimeBudget(fraction(share, "share", "a share of the time")),
            ExactSolve(EXACT_TOLERANCE),
        )
        self._iteration, self._scale = 0, 0.0
        self._last: float | None = None
        self._random: RandomStates | None = None
        self._factor = 1.0
        self._stopped, self._left_out, self._warned = "", 0, False
        self._readings: list[Reading] = []

    def __repr__(self) -> str:
        """Return the number of readings, the worst of them, and the next one or the reason for none."""
        return f"GradientMonitor: {self.log.summary}"

    @property
    def log(self) -> MonitorLog:
        """Everything that was read, and the time it took."""
        return MonitorLog(
            self.budget,
            tuple(self._readings),
            self._iteration,
            self._time.trained,
            self._time.spent,
            self._stopped,
            "" if self._stopped else self._time.next_reading(self._iteration),
            self._left_out,
        )

    @property
    def alarm(self) -> int | None:
        """The iteration of the first alarm; None also before any reading: print the monitor to see."""
        return self.log.alarm

    def save(self, path: Path | str) -> Path:
        """Write the log, which `nodecheck report` draws; return its path."""
        return self.log.save(path)

    def lightning_callback(self, loss: Callable[[Any, Any, int], Tensor] | None = None) -> Any:
        """Return a callback for the Trainer of PyTorch Lightning, which takes the readings.

        Parameters
        ----------
        loss : function or None
            ``loss(module, batch, batch_idx)`` computes the loss of a batch again.  None for the
            `training_step` of the module, without what it logs.
        """
        from nodecheck.own_model.lightning import callback_of

        return callback_of(self, loss)

    def keep(self, module: nn.Module) -> None:
        """Put back, after each reading, what this module holds, too."""
        if module not in self._modules:
            self._modules.append(module)

    def before_forward(self) -> None:
        """Note the random state of the step that begins; needed where the forward pass draws numbers."""
        self._random = RandomStates()

    def after_backward(self, closure: Callable[[], Tensor], *, factor: float = 1.0) -> Reading | None:
        """Take a reading if the time allows it, and return it.

        Parameters
        ----------
        closure : function
            Computes the loss of this step again, forward pass alone, with the watched solve.
        factor : float
            What the loss was multiplied by before its backward pass: the scale of a GradScaler whose
            `unscale_` has not been called, or 1/n at the first of n batches whose gradients are added up.
        """
        now = time.perf_counter()
        if self._last is not None:
            self._time.add_step(now - self._last)
        self._iteration += 1
        reading = None
        if not self._stopped and self._time.is_due(self._iteration):
            self._factor = factor
            reading = self._read(closure)
            self._time.add_reading(self._iteration, time.perf_counter() - now)
            self._left_out += int(reading is None and not self._stopped)
        self._warn_if_blind()
        self._last = time.perf_counter()
        return reading

    def _warn_if_blind(self) -> None:
        """Warn, once, that no more readings are taken."""
        reason = "" if self._warned else self._stopped or self._time.why_never
        if reason:
            self._warned = True
            message = (
                f"a gradient monitor must take readings, but takes none from iteration {self._iteration} on, "
                f"and its alarm then tells nothing: {reason}"
            )
            warnings.warn(message, UserWarning, stacklevel=3)

    def _read(self, closure: Callable[[], Tensor]) -> Reading | None:
        start = time.perf_counter()
        own = _joined([p.grad for p in self._parameters], self._parameters) / self._factor
        if self._factor != 1.0 and not bool(own.isfinite().all()):
            return None  # a GradScaler leaves such a step out
        # Of a model that is not known, those modules that are called.
        with unchanged(self._modules, called=not self._modules), leaves_unchanged(self._parameters):
            if not self._readings and not self._repeats(closure, own):
                return None
            exact = self._exact_gradient(closure)
            if exact is None or not bool(exact.isfinite().all()):
                if not bool(own.isfinite().all()):
                    self._stopped = ""  # a batch without a gradient, as those that a GradScaler leaves out
                return None
            while self._over(own, exact) and self._exact.tol > FINEST_EXACT_TOLERANCE:
                finer = ExactSolve(max(self._exact.tol / TOLERANCE_RATIO, FINEST_EXACT_TOLERANCE))
                closer = self._exact_gradient(closure, finer)
                if closer is None:
                    break
                gap, exact = _relative(exact, closer, 0.0), closer
                if gap <= MONITOR_AGREEMENT * self.budget:
                    break
                self._exact = finer
            # Clipping, for instance, may begin late.
            if self._readings and self._over(own, exact) and not self._repeats(closure, own):
                return None
        return self._noted(own, exact, time.perf_counter() - start)

    def _noted(self, own: Tensor, exact: Tensor, seconds: float) -> Reading:
        size = float(exact.norm())
        self._scale = size * size if not self._scale else (
            (1 - HISTORY_WEIGHT) * self._scale + HISTORY_WEIGHT * size * size
        )  # fmt: skip
        error = _relative(own, exact, math.sqrt(self._scale))
        cosine = float(own @ exact / (own.norm() * exact.norm()).clamp_min(torch.finfo(own.dtype).tiny))
        over = not error <= self.budget
        recent = [r.over for r in self._readings[-READINGS_OF_AN_ALARM:]]
        alarm = over and (any(recent) or not error <= ALARM_AT_ONCE * self.budget)
        alone = _relative(own, exact, 0.0)
        reading = Reading(self._iteration, error, cosine, seconds, self._exact.tol, over, alarm, alone)
        self._readings.append(reading)
        if self._writer is not None:
            self._writer.add_scalar("nodecheck/gradient error", error, self._iteration)
            self._writer.add_scalar("nodecheck/cosine", cosine, self._iteration)
        return reading

    def _over(self, own: Tensor, exact: Tensor) -> bool:
        return not _relative(own, exact, math.sqrt(self._scale)) <= self.budget

    def _repeats(self, closure: Callable[[], Tensor], own: Tensor) -> bool:
        """Return True if the closure gives the gradient of the step again; readings end if it does not."""
        before = self._solve.calls
        again, own = (torch.nan_to_num(g, 0.0, 0.0, 0.0) for g in (self._gradient(closure), own))
        gap = 0.0 if torch.equal(again, own) else _relative(again, own, 0.0)
        if self._solve.calls == before:
            self._stopped = (
                "the closure does not call the watched solve; let the model solve with what nodecheck.watch "
                "returned"
            )
        elif not gap <= SAME_STEP:
            self._stopped = (
                "the closure does not repeat the step: its gradient differs from that in p.grad by "
                f"{gap:.1e}. If it draws random numbers, call before_forward; tell factor= where the loss "
                "was scaled; gradients must not be added up or clipped before"
            )
        return not self._stopped

    def _exact_gradient(
        self, closure: Callable[[], Tensor], exact: ExactSolve | None = None
    ) -> Tensor | None:
        """Return the gradient with an exact solve, or None if that needs too many steps."""
        with self._solve.replaced(exact or self._exact):
            try:
                return self._gradient(closure)
            except RuntimeError as error:
                if "max_steps" not in str(error) and "small enough" not in str(error):
                    raise
                self._stopped = f"no exact solve: {error}; nodecheck.audit of this step tells more"
                return None

    def _gradient(self, closure: Callable[[], Tensor]) -> Tensor:
        if self._random is not None:
            self._random.restore()
        with torch.enable_grad():
            loss = self._factor * closure()
            grads = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        return _joined(list(grads), self._parameters) / self._factor


def _joined(grads: list[Tensor | None], parameters: list[nn.Parameter]) -> Tensor:
    """Return gradients as one vector, with zeros where there is none."""
    return torch.cat([
        (torch.zeros_like(p) if g is None else g).detach().reshape(-1).double()
        for g, p in zip(grads, parameters, strict=True)
    ])  # fmt: skip


def _relative(a: Tensor, b: Tensor, least: float) -> float:
    """Return the difference relative to the norm of b, or to `least` where that is larger."""
    size = max(float(b.norm()), least)
    return float((a - b).norm()) / size if size else math.inf
