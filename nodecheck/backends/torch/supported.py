"""Refuse a solve that asks for something which this use of a layer does not carry out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields

from nodecheck.layers import Solve

# Instruments that watch one pass together; each of the others has a pass of its own.
_TOGETHER = frozenset({"saved", "live"})


def require_supported(solve: Solve, carried: frozenset[str]) -> None:
    """Raise if a solve asks for more than is carried out.

    Parameters
    ----------
    solve
        The solve.
    carried
        Names of the fields of the solve that are carried out, beside the problem and the resolution.

    Raises
    ------
    ValueError
        If another field is not at its default.
    """
    for field in fields(solve):
        value = getattr(solve, field.name)
        if field.default is MISSING or field.name in carried or value == field.default:
            continue
        message = (
            f"expected {field.name} = {field.default!r} in this use of a layer, got {value!r}, which would "
            f"be ignored; leave it out, or carry it out in `nodecheck.backends.torch`"
        )
        raise ValueError(message)


def require_compatible(instruments: Sequence[str]) -> None:
    """Raise if instruments are asked for together that do not watch the same pass.

    Raises
    ------
    ValueError
        If more than one instrument is named, and not only "saved" and "live".
    """
    if len(instruments) > 1 and not _TOGETHER.issuperset(instruments):
        message = (
            f"expected one instrument, or {' and '.join(sorted(_TOGETHER))}, got {', '.join(instruments)}; "
            f"solve once for each"
        )
        raise ValueError(message)
