"""Addresses inside a report; they are the same in every run, so that other pages can link to them."""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[A-Za-z0-9_.:+-]{1,160}")
_READ, _SLUG, _DIGEST = 400, 80, 8  # characters: of the name that are read, of the slug, of the digest


def anchor(identity: str) -> str:
    """Return the id of an element: the result's own id or, where that is no valid one, a slug and a hash.

    ``index.html#`` + ``anchor(result.id)`` is the address of a result.
    """
    if _PLAIN.fullmatch(identity):
        return identity
    slug = re.sub(r"[^A-Za-z0-9_.:+-]+", "-", identity[:_READ])[:_SLUG].strip("-")
    return f"{slug}-{hashlib.sha256(identity.encode('utf-8', 'replace')).hexdigest()[:_DIGEST]}"


def layer_anchor(part: str, name: str) -> str:
    """Return the id of a layer in one part of the page; without a colon, so that no result has the same."""
    return anchor(f"{part} {name}").replace(":", "-")
