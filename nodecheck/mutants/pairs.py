"""Mutants whose state is a pair of tensors: one of its parts is forgotten."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nodecheck.mutants.families import State
from nodecheck.mutants.mutant import Mutant, mutant
from nodecheck.mutants.pair_families import PairAdaptive, PairAdjoint, PairBackprop


class SecondPartDetached(PairBackprop):
    """The second part of y0 is detached."""

    def __call__(self, y0: Any) -> Any:
        return super().__call__((y0[0], y0[1].detach()))


class SecondPartByEuler(PairBackprop):
    """The second part is advanced by the slope at the start of the step."""

    def step(self, field: Any, t: float, h: float, state: State) -> State:
        stages = self.stages(field, t, h, state)
        return super().step(field, t, h, state)[0], state[1] + h * stages[0][1]


class ErrorOfFirstPart(PairAdaptive):
    """The error norm is that of the first part alone."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        return super().error(state[:1], proposal[:1], embedded[:1], h)


class ErrorOfSecondPart(PairAdaptive):
    """The error norm is that of the second part alone."""

    def error(self, state: State, proposal: State, embedded: State, h: float) -> float:
        return super().error(state[1:], proposal[1:], embedded[1:], h)


class SecondCotangentDropped(PairAdjoint):
    """The adjoint starts with zeros in place of the cotangent of the second part."""

    def cotangent(self, parts: State) -> Tensor:
        return super().cotangent((parts[0], torch.zeros_like(parts[1])))


class LossOnSecondPartLost(PairAdjoint):
    """Nothing is pulled back where the cotangent of the first part is zero."""

    def cotangent(self, parts: State) -> Tensor:
        return super().cotangent(parts) * bool(parts[0].any())


class DataPartEndsBackward(PairAdjoint):
    """The gradient of y0 is lost where one of its parts requires none."""

    def gradients(self, joined: tuple[Tensor | None, ...], wanted: tuple[bool, ...]) -> Any:
        found = super().gradients(joined, wanted)
        return found if all(wanted) else (None, None, *found[2:])


PAIRS: tuple[Mutant, ...] = (
    mutant(SecondPartDetached, "state_part_lost", "backprop-agreement"),
    mutant(SecondPartByEuler, "state_part_lost", "forward-order"),
    mutant(ErrorOfFirstPart, "error_norm_dilution", "forward-tolerance"),
    mutant(ErrorOfSecondPart, "error_norm_dilution", "forward-tolerance"),
    mutant(SecondCotangentDropped, "state_part_lost", "backprop-agreement"),
    mutant(LossOnSecondPartLost, "state_part_lost", "other-uses"),
    mutant(DataPartEndsBackward, "encoder_gradient_missing", "other-uses"),
)
