"""An error that no refinement removes, in words."""

from __future__ import annotations

from collections.abc import Sequence

from nodecheck.results import Measurement


def explain_limits(limits: Sequence[Measurement]) -> str:
    """Return the largest error at a step of zero, and what it means; "" if refinement explains all."""
    wrong = [m for m in limits if not m.holds]
    if not wrong:
        return ""
    worst = max(wrong, key=lambda m: m.value / m.bound)
    return (
        f"The {worst.name}, is {worst.value:.2g}; refinement explains {worst.bound:.2g}.  A part of the "
        f"error does not depend on the step, and lies below the error of the finest level: look for a "
        f"constant, for rounding to float32, or for a tolerance of its own."
    )
