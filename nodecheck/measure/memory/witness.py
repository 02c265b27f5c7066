"""What the process says against what tensors and arrays say: memory that no instrument sees is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from nodecheck.backends.torch.memory.process import ProcessMemory
from nodecheck.checks.memory.law import against_claim
from nodecheck.measure.memory.footprints import Footprints
from nodecheck.numerics.growth import FLOOR_IN_STATES, fit_law
from nodecheck.results import Evidence

# One layer in a thousand is called odd where nothing but noise is seen.
_RISK = 1e-3


def hear_witness(
    evidence: Evidence, prints: Footprints, process: ProcessMemory, claim: str | None
) -> Evidence:
    """Return the evidence with what the process adds to it.

    The slopes of resident memory and of counted states are compared.  Where they agree, that is a fact.
    Where the process grows faster, memory is held where neither PyTorch nor NumPy count it, and the claim is
    judged by the process: it holds what it holds.
    """
    counted, margin = counted_slope(prints, process), margin_of(process)
    unit = prints.unit[:-1]
    seen = (
        f"{process.slope:.3g} ± {process.slope_error:.1g} states per {unit} in the peak resident memory of a "
        f"fresh process ({len(process.n)} levels, one control each), {counted:.3g} in tensors and arrays"
    )
    facts = {**evidence.facts, "process memory": f"{seen}: they {_relation(process.slope - counted, margin)}"}
    if process.slope - counted <= margin:
        return replace(evidence, facts=facts)
    fit = fit_law(process.n, process.states)
    facts["memory law"] = (
        f"{fit.symbol} in the process, {process.slope - counted:.3g} states per {unit} hidden"
    )
    measurement = against_claim(fit, claim or "linear")
    measurement = replace(measurement, name=f"{measurement.name}, in the process")
    diagnosis = (
        f"The process holds {process.slope - counted:.3g} states per {unit} more than all tensors and NumPy "
        f"arrays together (margin {margin:.1g}): memory is kept where neither counts it, such as bytes, mmap "
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
    quantile = float(stats.t.ppf(1 - _RISK / 2, len(process.n) - 2))
    return quantile * process.slope_error + FLOOR_IN_STATES / float(np.ptp(process.n))


def _relation(excess: float, margin: float) -> str:
    if abs(excess) <= margin:
        return f"agree to within {margin:.1g}"
    return f"disagree by more than {margin:.1g}" + (", memory is hidden" if excess > 0 else "")
