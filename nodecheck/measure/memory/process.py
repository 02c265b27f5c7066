"""Peak resident memory of fresh processes, beside the states that are counted in tensors and arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.footprints import Footprints
from nodecheck.measure.memory.ladder import at_level
from nodecheck.measure.memory.law import against_claim
from nodecheck.numerics import constants
from nodecheck.numerics.constants import FLOOR_IN_STATES, PROCESS_WIDTH, WITNESS_RISK
from nodecheck.numerics.growth import fit_law
from nodecheck.results import Evidence, Series
from nodecheck.results.phrases import plural


@dataclass(frozen=True)
class ProcessMemory:
    """Peaks of child processes over step counts, beside those of controls without the layer, in bytes."""

    n: tuple[float, ...]
    peaks: tuple[int, ...]
    controls: tuple[int, ...]
    state_bytes: int

    @property
    def states(self) -> tuple[float, ...]:
        """States by which the peak lies above that of the control."""
        return tuple((p - c) / self.state_bytes for p, c in zip(self.peaks, self.controls, strict=True))

    @property
    def slope(self) -> float:
        """States per step, by least squares."""
        return float(np.polyfit(self.n, self.states, 1)[0])

    @property
    def noise(self) -> float:
        """Standard deviation of the states around the line."""
        residuals = np.subtract(self.states, np.polyval(np.polyfit(self.n, self.states, 1), self.n))
        return math.sqrt(float(np.sum(residuals**2)) / max(1, len(self.n) - 2))

    @property
    def slope_error(self) -> float:
        """Standard error of the slope."""
        return self.noise / math.sqrt(float(np.sum((np.array(self.n) - np.mean(self.n)) ** 2)))


def process_memory(
    use: Callable[[int, bool], tuple[int, tuple[int, int]]], *, adaptive: bool, advance: Callable[[], object]
) -> ProcessMemory:
    """Return the peaks of one child and one control for each level.

    Parameters
    ----------
    use
        Called with a level and True to run the layer, False for the control; returns the peak of a fresh
        process that does what `use_once` does, and what that returned.
    adaptive
        True for an adaptive layer.
    advance
        Called after each level.
    """
    n, peaks, controls, state_bytes = [], [], [], 0
    for level in constants.PROCESS_LEVELS:
        peak, (evaluations, state_bytes) = use(level, True)
        n.append(float(evaluations if adaptive else level))
        peaks.append(peak)
        controls.append(use(level, False)[0])
        advance()
    return ProcessMemory(tuple(n), tuple(peaks), tuple(controls), state_bytes)


def use_once(layer: LayerUnderTest, level: int, *, run: bool) -> tuple[int, int]:
    """Use a layer once, forward and backward; without `run` only build it: that is the control.

    Returns
    -------
    tuple[int, int]
        Evaluations of the field in the forward pass, and the bytes of a state.
    """
    solve = at_level(layer, level, PROCESS_WIDTH)
    cotangents = (np.ones_like(solve.problem.y0),)
    found = layer.fresh(solve, cotangents, instruments=("products" if run else "build",))
    assert found.readings is not None
    return found.evaluations, found.readings.state_bytes


def process_curve(found: ProcessMemory, *, adaptive: bool) -> Series:
    """Return the curve of bytes above the control against steps, for the report."""
    above = tuple(float(p - c) for p, c in zip(found.peaks, found.controls, strict=True))
    unit = "evaluations" if adaptive else "steps"
    return Series("Process memory", "above a control without the layer", found.n, above, unit, "bytes")


def with_process(
    evidence: Evidence, prints: Footprints, process: ProcessMemory, claim: str | None
) -> Evidence:
    """Return the evidence with what the process adds to it.

    The slopes of resident memory and of counted states are compared.  Where they agree, that is a fact.
    Where the process grows faster, memory is held where neither PyTorch nor NumPy count it, and the claim is
    judged by the process: it holds what it holds.
    """
    counted, margin = counted_slope(prints, process), margin_of(process)
    unit = prints.unit[:-1]
    hidden = f"{plural(f'{process.slope - counted:.3g}', 'state')} per {unit}"
    seen = (
        f"{process.slope:.3g} ± {process.slope_error:.1g} states per {unit} in the peak resident memory of a "
        f"fresh process ({len(process.n)} levels, one control each), {counted:.3g} in tensors and arrays"
    )
    facts = {**evidence.facts, "process memory": f"{seen}: they {_relation(process.slope - counted, margin)}"}
    if process.slope - counted <= margin:
        return replace(evidence, facts=facts)
    fit = fit_law(process.n, process.states)
    facts["memory law"] = f"{fit.symbol} in the process, {hidden} hidden"
    measurement = against_claim(fit, claim or "linear")
    measurement = replace(measurement, name=f"{measurement.name}, in the process")
    diagnosis = (
        f"The process holds {hidden} more than all tensors and NumPy arrays "
        f"together (margin {margin:.1g}): memory is kept where neither counts it, such as bytes, mmap "
        f"or a C extension."
    )
    return replace(
        evidence,
        measurements=(*evidence.measurements, measurement),
        diagnosis=f"{evidence.diagnosis} {diagnosis}".strip(),
        facts=facts,
    )


def counted_slope(prints: Footprints, process: ProcessMemory) -> float:
    """Return the states per step that the counts at the peak give over the levels of the process."""
    counts = np.interp(process.n, prints.n, prints.states)
    return float(np.polyfit(process.n, counts, 1)[0])


def margin_of(process: ProcessMemory) -> float:
    """Return by how much slopes may differ: by noise (Student's t), and by one state over the whole ladder.

    One state, because what a kernel needs while it runs is resident, and not counted.
    """
    from scipy import stats

    quantile = float(stats.t.ppf(1 - WITNESS_RISK / 2, len(process.n) - 2))
    return quantile * process.slope_error + FLOOR_IN_STATES / float(np.ptp(process.n))


def _relation(excess: float, margin: float) -> str:
    if abs(excess) <= margin:
        return f"agree to within {margin:.1g}"
    return f"disagree by more than {margin:.1g}" + (", memory is hidden" if excess > 0 else "")
