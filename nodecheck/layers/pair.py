"""States that are pairs of tensors: where the joined state is cut."""

from __future__ import annotations

# The least width of a state that has two parts of different width.
LEAST_WIDTH = 3
PARTS = ("first", "second")


def first_width(width: int) -> int:
    """Return the width of the first part of a state of this width; the second part is wider."""
    return (width - 1) // 2


def slice_of(part: str, width: int) -> slice:
    """Return the components of one of the `PARTS` of a state of this width."""
    return slice(None, first_width(width)) if part == PARTS[0] else slice(first_width(width), None)
