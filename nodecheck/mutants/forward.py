"""Mutants whose forward pass is wrong."""

# ruff: noqa: ARG002, D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import itertools
import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from nodecheck.mutants.families import (
    BOGACKI_SHAMPINE,
    RK4,
    BackpropBogackiShampine,
    BackpropEuler,
    BackpropRK4,
    Field,
    State,
    Tableau,
    advance,
)
from nodecheck.mutants.mutant import Mutant, mutant


class ExtraStep(BackpropEuler):
    """A step starts at every point of the grid, including the last one."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        h = (end - start) / self.n_steps
        for i in range(self.n_steps + 1):
            state = self.step(field, start + i * h, h, state)
        return state


class MissingStep(BackpropRK4):
    """The grid has n_steps points, and therefore one step too few."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        h = (end - start) / self.n_steps
        for i in range(self.n_steps - 1):
            state = self.step(field, start + i * h, h, state)
        return state


class GridOfSoManyPoints(BackpropRK4):
    """The interval is divided by a grid of n_steps points, and therefore into one step less."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        fewer = self.n_steps - 1
        for i in range(fewer):
            h = (end - start) / fewer
            state = self.step(field, start + i * h, h, state)
        return state


class AccumulatedTime(BackpropRK4):
    """Time is accumulated and compared with the end, so that rounding may add one step."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        t, h = start, (end - start) / self.n_steps
        while (end - t) * h > 0:
            state = self.step(field, t, h, state)
            t += h
        return state


class LastStepNotShortened(BackpropRK4):
    """The step size is a round number, and the last step is as long as the others."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        t, h = start, float(f"{(end - start) / self.n_steps:.1g}")
        while (end - t) / h > 1e-9:
            state = self.step(field, t, h, state)
            t += h
        return state


class Float32TimeGrid(BackpropRK4):
    """The grid is a float32 tensor for every dtype of the state."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        grid = torch.linspace(start, end, self.n_steps + 1, dtype=torch.float32)
        for t, after in itertools.pairwise(grid):
            state = self.step(field, float(t), float(after - t), state)
        return state


class Float32Accumulation(BackpropRK4):
    """The state is rounded to float32 between steps, and has its own dtype again at the end."""

    def step(self, field: Field, t: float, h: float, state: State) -> State:
        return tuple(x.float().to(x.dtype) for x in super().step(field, t, h, state))


class Float64Output(BackpropRK4):
    """Everything is computed in float64, and y1 stays so when y0 is float32."""

    def solve(self, y0: Tensor) -> Tensor:
        return super().solve(y0.double())


class StageTimesAtStart(BackpropRK4):
    """Every stage is evaluated at the time at which its step starts."""

    def stage_time(self, t: float, node: float, h: float) -> float:
        return t


class TimeFromZero(BackpropRK4):
    """Time runs from 0 to t1 - t0, not from t0 to t1."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, 0.0, t1 - t0, n_steps)


class ToldTimesShifted(BackpropEuler):
    """The field is told the times of a grid that starts a thousandth of the interval after t0."""

    def stage_time(self, t: float, node: float, h: float) -> float:
        return super().stage_time(t, node, h) + 1e-3 * (self.t1 - t)


class ToldTimesBent(BackpropEuler):
    """The field is told the times of a grid that is denser at both ends, and the steps are equal."""

    def stage_time(self, t: float, node: float, h: float) -> float:
        duration = self.t1 - self.t0
        turns = 2 * math.pi * (t - self.t0) / duration
        return super().stage_time(t, node, h) - 1e-3 * duration * math.sin(turns)


class WeightTypo(BackpropRK4):
    """The last weight is 1/7, not 1/6: the weights do not add up to one."""

    tableau: ClassVar[Tableau] = Tableau(RK4.a, (1 / 6, 1 / 3, 1 / 3, 1 / 7), RK4.c)


class StageTypo(BackpropRK4):
    """The last stage starts from h/2 k3, not h k3; it is right where f depends on time alone."""

    tableau: ClassVar[Tableau] = Tableau((*RK4.a[:3], (0.0, 0.0, 0.5)), RK4.b, RK4.c)


class SwappedStages(BackpropRK4):
    """The weights of the last two stages are exchanged."""

    tableau: ClassVar[Tableau] = Tableau(RK4.a, (1 / 6, 1 / 3, 1 / 6, 1 / 3), RK4.c)


class EmbeddedRow(BackpropBogackiShampine):
    """The steps are those of the embedded method, whose order is one less."""

    tableau: ClassVar[Tableau] = Tableau(BOGACKI_SHAMPINE.a, BOGACKI_SHAMPINE.embedded, BOGACKI_SHAMPINE.c)


class StepSizeOfUnitInterval(BackpropRK4):
    """The step is 1 / n_steps for every interval."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        return super().integrate(field, start, start + 1.0, state)


class EndCapped(BackpropRK4):
    """Integration never goes beyond t = 1."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, min(t1, 1.0), n_steps)


class StepsCapped(BackpropRK4):
    """There are never more than ten steps."""

    def __init__(self, dynamics: nn.Module, t0: float, t1: float, n_steps: int) -> None:
        super().__init__(dynamics, t0, t1, min(n_steps, 10))


class UnsignedStep(BackpropRK4):
    """The step is positive even where t1 < t0."""

    def integrate(self, field: Field, start: float, end: float, state: State) -> State:
        return super().integrate(field, start, start + abs(end - start), state)


class StaleFirstStage(BackpropRK4):
    """The first stage of a step is the last stage of the previous step, which is wrong for this method."""

    last: State

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        first = self.last if t != self.t0 else field(t, state)
        stages = [first]
        for row, node in list(zip(self.tableau.a, self.tableau.c, strict=True))[1:]:
            stages.append(field(t + node * h, advance(state, h, row, stages)))
        self.last = stages[-1]
        return stages


class BatchMean(BackpropRK4):
    """The second stage is averaged over the batch."""

    def stages(self, field: Field, t: float, h: float, state: State) -> list[State]:
        stages = super().stages(field, t, h, state)
        stages[1] = tuple(k.mean(0, keepdim=True).expand_as(k) for k in stages[1])
        return stages


FORWARD: tuple[Mutant, ...] = (
    mutant(ExtraStep, "grid_off_by_one_step", "constant-field"),
    mutant(MissingStep, "grid_off_by_one_step", "constant-field", "forward-order"),
    mutant(GridOfSoManyPoints, "grid_off_by_one_step", "constant-field", "backprop-agreement"),
    mutant(AccumulatedTime, "grid_end_not_hit", "constant-field"),
    mutant(LastStepNotShortened, "last_partial_step_wrong", "constant-field"),
    mutant(Float32TimeGrid, "float32_time_grid", "time-precision"),
    mutant(Float32Accumulation, "low_precision_state_accumulation", "constant-field"),
    mutant(Float64Output, "dtype_hardcoded", "float32-state"),
    mutant(StageTimesAtStart, "stage_time_wrong", "polynomial-field", "forward-order"),
    mutant(TimeFromZero, "option_silently_ignored", "polynomial-field", "evaluation-times"),
    mutant(ToldTimesShifted, "time_grid_shifted", "evaluation-times"),
    mutant(ToldTimesBent, "time_grid_shifted", "evaluation-times"),
    mutant(WeightTypo, "tableau_coefficient_typo", "constant-field"),
    mutant(StageTypo, "tableau_coefficient_typo", "forward-order"),
    mutant(SwappedStages, "tableau_coefficient_typo", "polynomial-field", "forward-order"),
    mutant(EmbeddedRow, "order_mislabelled", "polynomial-field", "forward-order"),
    mutant(StepSizeOfUnitInterval, "option_silently_ignored", "constant-field"),
    mutant(EndCapped, "option_silently_ignored", "constant-field"),
    mutant(StepsCapped, "option_silently_ignored", "forward-order"),
    mutant(UnsignedStep, "reverse_time_broken", "forward-order"),
    mutant(StaleFirstStage, "tableau_coefficient_typo", "forward-order"),
    mutant(BatchMean, "batch_members_coupled", "batch-independence", "solve-ivp-agreement"),
)
