"""Reasons for no verdict, as exceptions that a check raises: each becomes the outcome of the same name."""

from __future__ import annotations

from collections.abc import Mapping


class Inconclusive(Exception):
    """The reference, the problem or the step sizes do not allow a decision; the message is the reason."""


class Unsupported(Exception):
    """The layer refuses, with a clear error, a capability that it does not claim.

    Attributes
    ----------
    facts
        Lines for the identity card of the layer, as in `Evidence`.
    """

    def __init__(self, reason: str, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.facts = dict(facts or {})


class Skip(Exception):
    """The check does not apply to the layer; the message is the reason."""
