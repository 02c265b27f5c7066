"""Errors for claims that are none: they name the layer, what is expected and received, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any


def require_name(name: Any) -> None:
    """Raise `ValueError` unless the name of a layer is a text that is not empty."""
    if not isinstance(name, str) or not name.strip():
        message = f"name must be a non-empty string, got {name!r}; reports refer to the layer by it"
        raise ValueError(message)


def require_order(name: str, order: Any) -> None:
    """Raise `ValueError` unless a claimed order is None or a positive integer."""
    if order is None or (isinstance(order, int) and order >= 1):
        return
    advice = f"write order={order.strip()}" if isinstance(order, str) and order.strip().isdigit() else ""
    message = f"order of layer {name!r} must be a positive integer, got {order!r}; "
    raise ValueError(message + (advice or "leave it out if it is not claimed"))


def require_one_of(name: str, claim: str, value: Any, known: Collection[Any], *, or_else: str = "") -> None:
    """Raise `ValueError` unless a claim has one of the known values; None is not claimed.

    Parameters
    ----------
    name
        The name of the layer.
    known
        The values.
    or_else
        What else is allowed.
    """
    if isinstance(value, str | None) and value in known:
        return
    names = ", ".join(one for one in known if one is not None)
    message = f"{claim} of layer {name!r} must be one of {names}{or_else}, got {value!r}; "
    raise ValueError(message + (did_you_mean(value, known) or "leave it out if it is not claimed"))


def capabilities(name: str, supports: Any, known: Collection[str]) -> frozenset[str]:
    """Return the names of promised capabilities as a set.

    Raises
    ------
    ValueError
        If one of them is not known.
    """
    advice = f"write supports={{{supports!r}}}" if isinstance(supports, str) else ""
    if not advice and isinstance(supports, Collection):
        unknown = sorted(str(one) for one in supports if one not in known)
        if not unknown:
            return frozenset(supports)
        questions = [did_you_mean(one, known) for one in unknown]
        advice = " ".join(question for question in questions if question)
    message = (
        f"supports of layer {name!r} must be a set of names among {', '.join(known)}, got {supports!r}; "
    )
    raise ValueError(message + (advice or "leave out what the layer does not promise"))


def did_you_mean(value: Any, known: Collection[Any]) -> str:
    """Return the question for the name that is written nearly like a value; "" if there is none.

    A hyphen, a blank and an underscore are the same, and so are capital and small letters.
    """
    if not isinstance(value, str):
        return ""
    plain = {_plain(one): one for one in known if one is not None}
    near = difflib.get_close_matches(_plain(value), list(plain), n=1)
    return f"did you mean {plain[near[0]]!r}?" if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
