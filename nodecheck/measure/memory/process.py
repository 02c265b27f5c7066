"""The process as a witness: peak resident memory of fresh children that use a layer, against controls."""

from __future__ import annotations

from collections.abc import Callable

import torch

from nodecheck.backends.torch.memory.process import ProcessMemory
from nodecheck.backends.torch.memory.wide import WideUse
from nodecheck.layers import TorchLayer
from nodecheck.measure.memory.ladder import at_level
from nodecheck.results import Series

# Backpropagation through RK4 keeps two dozen states a step: one gigabyte at the end of the ladder.
LEVELS = (16, 25, 36, 49, 64, 81)
# 32 768 components for each of two members: half a mebibyte a state, beside which Python's objects are small.
_WIDTH = 32_768


def process_memory(
    use: Callable[[int, bool], tuple[int, tuple[int, int]]], *, adaptive: bool, advance: Callable[[], object]
) -> ProcessMemory:
    """Return the peaks of one child and one control for each level.

    Parameters
    ----------
    use
        Called with a level and whether to run the layer; returns the peak of a fresh process that does what
        `use_once` does, and what that returned.
    adaptive
        Whether the layer is one.
    advance
        Called after each level.
    """
    n, peaks, controls, state_bytes = [], [], [], 0
    for level in LEVELS:
        peak, (evaluations, state_bytes) = use(level, True)
        n.append(float(evaluations if adaptive else level))
        peaks.append(peak)
        controls.append(use(level, False)[0])
        advance()
    return ProcessMemory(tuple(n), tuple(peaks), tuple(controls), state_bytes)


def use_once(layer: TorchLayer, level: int, *, run: bool) -> tuple[int, int]:
    """Use a layer once, forward and backward; without `run` only build it: that is the control.

    Returns
    -------
    tuple[int, int]
        Evaluations of the field in the forward pass, and the bytes of a state.
    """
    torch.set_num_threads(1)
    use = WideUse(layer, *at_level(layer, level, _WIDTH))
    if run:
        use.backward(use.forward())
    return len(use.dynamics.trace.times("forward")), use.state_bytes


def process_curve(found: ProcessMemory, *, adaptive: bool) -> Series:
    """Return bytes above the control against steps for the report."""
    above = tuple(float(p - c) for p, c in zip(found.peaks, found.controls, strict=True))
    unit = "evaluations" if adaptive else "steps"
    return Series("Process memory", "above a control without the layer", found.n, above, unit, "bytes")
