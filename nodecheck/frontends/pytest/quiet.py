"""Silence for the warnings of libraries that nodecheck imports inside somebody else's test suite."""

from __future__ import annotations

import warnings


def quiet() -> warnings.catch_warnings[None]:
    """Return a context in which warnings are ignored: not every suite wants them to be errors."""
    return warnings.catch_warnings(action="ignore")
