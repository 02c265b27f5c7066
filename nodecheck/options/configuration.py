"""The content of a configuration: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen

from nodecheck.options.option import OPTIONS

OWN_FILE, PROJECT_FILE = "nodecheck.toml", "pyproject.toml"
# Strict: no number is read from text, and no text from a number.  An unknown key is an error.
_STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
_Text = Annotated[str, MinLen(1)]
_Texts = _Text | Annotated[tuple[_Text, ...], MinLen(1)]
_LEAST = {option.name: option.minimum for option in OPTIONS}


class ConfigurationError(ValueError):
    """The configuration is malformed, or does not fit the layers: exit code 2."""


@dataclass(frozen=True)
class Expectation:
    """An expected failure: a check that a layer is known to fail.

    Attributes
    ----------
    layer
        Name of the layer, or a shell pattern.
    check
        Id of the check.  It may be followed by ``:`` and a shell pattern for the names of problems.
    reason
        Cause of the failure.
    issue
        Address or number of the public discussion.
    expires
        Last day on which the entry holds; None: no limit.
    """

    layer: _Text
    check: _Text
    reason: _Text
    issue: str = ""
    expires: date | None = None

    __pydantic_config__ = _STRICT

    @property
    def full_reason(self) -> str:
        """The reason, followed by the issue in parentheses."""
        return f"{self.reason} ({self.issue})" if self.issue else self.reason


@dataclass(frozen=True)
class Table:
    """The keys of a configuration; None: not given.

    A run has one seed, so that (layer, check, problem) identifies a result.
    """

    targets: tuple[_Text, ...] = ()
    profile: Literal["smoke", "ci", "full"] | None = None
    select: _Texts | None = None
    layer: _Texts | None = None
    problems: _Texts | None = None
    seed: Annotated[int, Ge(0)] | None = None
    device: Literal["cpu", "cuda", "both"] | None = None
    dtype: Literal["float64", "float32"] | None = None
    jobs: Annotated[int, Ge(1)] | None = None
    memory_limit: Annotated[float, Ge(_LEAST["memory-limit"])] | None = None
    time_limit: Annotated[float, Ge(_LEAST["time-limit"])] | None = None
    output: _Text | None = None
    expect: tuple[Expectation, ...] = ()

    __pydantic_config__ = _STRICT


@dataclass(frozen=True)
class Configuration:
    """A configuration and the file it comes from; its paths are relative to the folder it was loaded for."""

    table: Table = Table()
    source: Path | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The configured options by name."""
        values = {f.name: getattr(self.table, f.name) for f in fields(Table)}
        values["problem"] = values.pop("problems")  # a list here, and an option that may be repeated
        return {k: v for k, v in values.items() if k not in ("targets", "expect") and v is not None}

    @property
    def where(self) -> str:
        """The name of the file and of the table in it, for messages."""
        name = self.source.name if self.source else "no file"
        return f"[tool.nodecheck] of {name}" if name == PROJECT_FILE else name


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the table [tool.nodecheck], which is also that of nodecheck.toml."""
    from pydantic import TypeAdapter

    return TypeAdapter(Table).json_schema() | {"title": "Configuration of nodecheck"}
