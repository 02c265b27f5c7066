"""Mutants that are wrong on a device: they leave it, wait for it, or work in a stream of their own choice.

They are apart from the other mutants because on the CPU most of them are right.
"""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from nodecheck.mutants.families import AdjointRK4, BackpropRK4, Field, State
from nodecheck.mutants.mutant import Mutant, mutant


class OutputOnCpu(BackpropRK4):
    """y1 is returned on the CPU, as if for a plot."""

    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0).cpu()


class StateTakenToCpu(BackpropRK4):
    """The field is evaluated on the CPU, and its value brought back."""

    def field(self, t: float, state: State) -> State:
        params = {name: p.cpu() for name, p in self.dynamics.named_parameters()}
        value: Tensor = functional_call(self.dynamics, params, (t, state[0].cpu()))
        return (value.to(state[0].device),)


class StagesReadOnHost(BackpropRK4):
    """Every stage is read by Python, to see if it is finite."""

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        def seen(time: float, now: State) -> State:
            value = field(time, now)
            assert all(bool(k.isfinite().all()) for k in value)
            return value

        return super().stages(seen, t, h, state)


class AdjointReadOnHost(AdjointRK4):
    """The adjoint is read by Python in every stage of the backward pass, to see if it is finite."""

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        def seen(time: float, now: State) -> State:
            value = field(time, now)
            if len(value) > 1:
                assert bool(value[1].isfinite().all())
            return value

        return super().stages(seen, t, h, state)


class DefaultStream(BackpropRK4):
    """The work goes to the default stream, whichever stream the program has chosen."""

    def solve(self, y0: Tensor) -> Tensor:
        if not y0.is_cuda:
            return super().solve(y0)
        with torch.cuda.stream(torch.cuda.default_stream()):
            return super().solve(y0)


class DeviceNumbersDrawn(BackpropRK4):
    """Random numbers are drawn on the device, although nothing depends on them."""

    def solve(self, y0: Tensor) -> Tensor:
        if y0.is_cuda:
            torch.rand_like(y0)
        return super().solve(y0)


class HalvesConvertedWithoutGraph(BackpropRK4):
    """Values of the field in half precision, as autocast gives them, are cut off when they are converted."""

    def field(self, t: float, state: State) -> State:
        value: Tensor = self.dynamics(t, state[0])
        return (value if value.dtype == state[0].dtype else value.detach().to(state[0].dtype),)


DEVICE: tuple[Mutant, ...] = (
    mutant(OutputOnCpu, "device-output", "device-placement"),
    mutant(StateTakenToCpu, "device-state", "device-placement"),
    mutant(StagesReadOnHost, "device-waits", "device-waits"),
    mutant(AdjointReadOnHost, "device-waits", "device-waits"),
    mutant(DefaultStream, "device-stream", "device-uses"),
    mutant(DeviceNumbersDrawn, "device-random-state", "nothing-mutated"),
    mutant(HalvesConvertedWithoutGraph, "autocast-precision", "device-autocast"),
)
