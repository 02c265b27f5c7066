"""The card of a field of the user's own, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldCard:
    """A problem from a user's module: its name and origin, its size, and what no check can see on it."""

    name: str
    target: str = ""  # "" for one that was passed as an object
    size: str = ""  # 4 members of shape (2,), 66 parameters, from t = 0 to 1
    cannot_reveal: tuple[str, ...] = ()  # sentences

    def __post_init__(self) -> None:
        object.__setattr__(self, "cannot_reveal", tuple(self.cannot_reveal))  # a list where it is from JSON
