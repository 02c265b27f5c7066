"""Errors relative to the size of what is compared, as root mean squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def relative_error(value: Array, exact: Array) -> float:
    """Return the error of a group relative to the size of the group (not of the element), in RMS.

    NaN or infinite values give NaN or infinity.  Where the exact group is zero the error is absolute.
    """
    scale = rms(exact)
    return rms(np.asarray(value, dtype=np.float64) - exact) / (scale if scale > 0 else 1.0)


def rms(values: Array) -> float:
    """Return the root mean square over all entries; 0 for none."""
    values = np.asarray(values, dtype=np.float64)
    return float(np.sqrt(np.mean(values * values))) if values.size else 0.0


def group_errors(
    gradients: Sequence[Mapping[str, Array | None]], exact: Sequence[Mapping[str, Array]]
) -> dict[str, float]:
    """Return for each group the RMS error over several cotangents, relative to the group.

    The order of one scalar's signed error is meaningless where it crosses zero; an RMS over cotangents and
    components does not cross.  A gradient that did not arrive counts as zero.
    """
    return {
        name: relative_error(
            np.stack([_zero_if_missing(g[name], e[name]) for g, e in zip(gradients, exact, strict=True)]),
            np.stack([e[name] for e in exact]),
        )
        for name in exact[0]
    }


def _zero_if_missing(value: Array | None, like: Array) -> Array:
    return np.zeros_like(like) if value is None else value
