"""Addresses inside a report that stay the same from run to run, so that other pages can link to them."""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[A-Za-z0-9_.:+-]{1,160}")


def anchor(identity: str) -> str:
    """Return the id of an element: the result's own id, or a slug and a hash where that is no fit id.

    ``index.html#`` + ``anchor(result.id)`` is the address of a result.
    """
    if _PLAIN.fullmatch(identity):
        return identity
    slug = re.sub(r"[^A-Za-z0-9_.:+-]+", "-", identity[:400])[:80].strip("-")
    return f"{slug}-{hashlib.sha256(identity.encode('utf-8', 'replace')).hexdigest()[:8]}"


def layer_anchor(part: str, name: str) -> str:
    """Return the id of a layer's place in one part of the page; it has no colon, so no result has it."""
    return anchor(f"{part} {name}").replace(":", "-")
