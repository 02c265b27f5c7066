"""The process as a witness: peak resident memory of fresh children that use a layer, against controls."""

from __future__ import annotations

from collections.abc import Callable

import torch

from nodecheck.checks.levels import at_level
from nodecheck.instruments.process import ProcessMemory, peak_resident
from nodecheck.layers import TorchLayer
from nodecheck.layers.discovery import load_target
from nodecheck.layers.wide import WideUse
from nodecheck.results import Series

# Backpropagation through RK4 keeps two dozen states a step: one gigabyte at the end of the ladder.
LEVELS = (16, 25, 36, 49, 64, 81)
# 32 768 components for each of two members: half a mebibyte a state, beside which Python's objects are small.
_WIDTH = 32_768


def process_memory(layer: TorchLayer, target: str, advance: Callable[[], object]) -> ProcessMemory:
    """Return the peaks of one child and one control for each level; `advance` is called after each level."""
    n, peaks, controls, state_bytes = [], [], [], 0
    for level in LEVELS:
        peak, (evaluations, state_bytes) = peak_resident(_use, target, layer.name, level, True)
        n.append(float(evaluations if layer.adaptive else level))
        peaks.append(peak)
        controls.append(peak_resident(_use, target, layer.name, level, False)[0])
        advance()
    return ProcessMemory(tuple(n), tuple(peaks), tuple(controls), state_bytes)


def _use(target: str, name: str, level: int, run: bool) -> tuple[int, int]:
    """Use a layer once, forward and backward; without `run` only build it: that is the control.

    Returns
    -------
    tuple[int, int]
        Evaluations of the field in the forward pass, and the bytes of a state.
    """
    torch.set_num_threads(1)
    layer = next(x for x in load_target(target) if x.name == name)
    use = WideUse(layer, *at_level(layer, level, _WIDTH))
    if run:
        use.backward(use.forward())
    return len(use.dynamics.trace.times("forward")), use.state_bytes


def process_curve(layer: TorchLayer, found: ProcessMemory) -> Series:
    """Return bytes above the control against steps for the report."""
    above = tuple(float(p - c) for p, c in zip(found.peaks, found.controls, strict=True))
    unit = "evaluations" if layer.adaptive else "steps"
    return Series("Process memory", "above a control without the layer", found.n, above, unit, "bytes")
