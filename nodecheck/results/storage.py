"""A run as JSON and back: what a file may hold, and what is said where it holds something else.

Fields that this version does not know are ignored, and fields that an older one did not write have their
default.  Another schema version is another matter, and is refused by its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodecheck._version import __version__
from nodecheck.results.records import SCHEMA_VERSION, Run

if TYPE_CHECKING:
    from pydantic import ValidationError

_LONGEST_TEXT = 200


def to_json(run: Run) -> bytes:
    """Return the run as UTF-8 JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(Run).dump_json(run, indent=1)


def from_json(data: bytes | str) -> Run:
    """Return the run in `data`, with every status computed anew.

    Raises
    ------
    ValueError
        If the data is not a run of this schema version.
    """
    from pydantic import TypeAdapter, ValidationError

    written = _Header()
    try:
        written = TypeAdapter(_Header).validate_json(data)
        if written.schema_version == SCHEMA_VERSION:
            return TypeAdapter(Run).validate_json(data)
    except ValidationError as error:
        raise ValueError(_refusal(error, written.nodecheck_version)) from error
    message = (
        f"expected schema version {SCHEMA_VERSION}, got {written.schema_version} (written by nodecheck "
        f"{_plain(written.nodecheck_version) or 'of unknown version'}); read it with that version or run the "
        f"check again"
    )
    raise ValueError(message)


def _refusal(error: ValidationError, writer: str) -> str:
    """Return what is wrong with a file, and who wrote it if that was another version."""
    first = error.errors(include_input=False)[0]
    what, where = first["msg"].lower(), ".".join(map(str, first["loc"])) or "the top level"
    other = (
        f" (written by nodecheck {_plain(writer)}, read by {__version__})" if writer != __version__ else ""
    )
    return (
        f"expected a run written by `nodecheck check`, got {_plain(what)} at {_plain(where)}"
        f"{other if writer else ''}; write run.json again"
    )


def _plain(text: str) -> str:
    """Return outside text for an error message: short, and with nothing in it that acts on a terminal."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}…"


@dataclass(frozen=True)
class _Header:
    """Who wrote a file: read first, because another schema has other fields."""

    nodecheck_version: str = ""
    schema_version: int = SCHEMA_VERSION


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of run.json; a number that is not finite is one of three strings."""
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    class Generate(GenerateJsonSchema):
        def float_schema(self, schema: Any) -> dict[str, Any]:
            return {"anyOf": [super().float_schema(schema), {"enum": ["NaN", "Infinity", "-Infinity"]}]}

    return TypeAdapter(Run).json_schema(mode="serialization", schema_generator=Generate)


def load_run(path: Path) -> Run:
    """Return the run stored at `path`."""
    return from_json(path.read_bytes())
