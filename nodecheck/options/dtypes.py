"""The dtypes of a run: in which one each layer is examined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodecheck.results import LayerCard

FLOAT64, FLOAT32 = "float64", "float32"
DTYPES = (FLOAT64, FLOAT32)


def in_dtype(cards: Iterable[LayerCard], dtype: str | None) -> tuple[LayerCard, ...]:
    """Return the layers with the dtype in which they are examined.

    Parameters
    ----------
    cards
        The layers; each has the only dtype that it works in, or float64.
    dtype
        The dtype that is asked for; None: that of each layer.

    Raises
    ------
    ValueError
        If the dtype does not exist, or a layer works in another one only.
    """
    if dtype is not None and dtype not in DTYPES:
        message = f"expected one of {', '.join(DTYPES)} as dtype, got {dtype!r}; leave it out for float64"
        raise ValueError(message)
    return tuple(_in(card, dtype or card.dtype) for card in cards)


def _in(card: LayerCard, dtype: str) -> LayerCard:
    if card.dtype not in (FLOAT64, dtype):
        message = (
            f"{card.name!r} works in {card.dtype} only, as its claim dtype={card.dtype!r} says: expected "
            f"--dtype {card.dtype}, got {dtype}; leave the option out, or leave the layer out by --layer"
        )
        raise ValueError(message)
    return replace(card, dtype=dtype, other_dtype=card.other_dtype or card.dtype != dtype)
