"""The one place where a check may catch what a layer raises."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True)
class Refusal:
    """An error of a layer, where raising is one of the outcomes that a check asks about."""

    error: Exception

    def __str__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}".strip().splitlines()[0][:300]


def attempt(call: Callable[[], _T]) -> _T | Refusal:
    """Return `call()`, or the error that it raised: the one place where a check may catch."""
    try:
        return call()
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # a refusal is kept: not what the layer had allocated
        return Refusal(error)
