"""What a configuration may say, and what was said: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen

OWN_FILE, PROJECT_FILE = "nodecheck.toml", "pyproject.toml"
# Numbers are not read from text, nor text from numbers, and a key that is not known is not passed over.
_STRICT = {"extra": "forbid", "strict": True}
_Text = Annotated[str, MinLen(1)]


class ConfigurationError(ValueError):
    """The configuration is not written as it should be, or no longer fits the layers: exit code 2."""


@dataclass(frozen=True)
class Expectation:
    """A check that a layer is known to fail: why, where that is discussed, and until when it may.

    `layer` is a name or a shell pattern, `check` the id of a check; `expires` is the last day it holds.
    """

    layer: _Text
    check: _Text
    reason: _Text
    issue: str = ""
    expires: date | None = None

    __pydantic_config__ = _STRICT

    @property
    def known_for(self) -> str:
        """The reason, with where it is discussed."""
        return f"{self.reason} ({self.issue})" if self.issue else self.reason


@dataclass(frozen=True)
class Table:
    """What a configuration may say; None: not said.

    A run has one seed, so that (layer, check, problem) says what a result is: for several, run several times.
    """

    targets: tuple[_Text, ...] = ()
    profile: Literal["smoke", "ci", "full"] | None = None
    select: _Text | None = None
    seed: Annotated[int, Ge(0)] | None = None
    device: Literal["cpu", "cuda", "both"] | None = None
    jobs: Annotated[int, Ge(1)] | None = None
    output: _Text | None = None
    expect: tuple[Expectation, ...] = ()

    __pydantic_config__ = _STRICT


@dataclass(frozen=True)
class Configuration:
    """A configuration with the file that it comes from; paths in it are from the folder asked from."""

    table: Table = Table()
    source: Path | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options that are configured, as the `default_map` of click has them."""
        values = {f.name: getattr(self.table, f.name) for f in fields(Table)}
        return {k: v for k, v in values.items() if k not in ("targets", "expect") and v is not None}

    @property
    def where(self) -> str:
        """The file and the table in it, for messages."""
        name = self.source.name if self.source else "no file"
        return f"[tool.nodecheck] of {name}" if name == PROJECT_FILE else name


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of [tool.nodecheck], which is that of nodecheck.toml."""
    from pydantic import TypeAdapter

    return TypeAdapter(Table).json_schema() | {"title": "Configuration of nodecheck"}
