"""A run as JSON and back, and the message about a file that holds none.

Unknown fields are ignored, and a field that an older version did not write has its default.  A file of
another schema version is refused, and the message names both versions.
"""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodecheck._version import __version__
from nodecheck.results.compact import compact_json, expanded_json
from nodecheck.results.records import SCHEMA_VERSION, Run, Series

if TYPE_CHECKING:
    from pydantic import ValidationError

# Significant digits of a point of a curve: drawings and tables show three.  Measurements keep all of theirs.
CURVE_DIGITS = 6
_LONGEST_TEXT = 200  # characters of outside text in an error message
_PAGE = b"<!DOCTYPE html>"
_IN_A_PAGE = re.compile(rb'id="nodecheck-data">([A-Za-z0-9+/=]*)<')


def to_json(run: Run) -> bytes:
    """Return the run as UTF-8 JSON without blanks, its curves rounded to `CURVE_DIGITS`."""
    return _dumped(run)


def _dumped(run: Run, *left_out: str) -> bytes:
    """Return the run as JSON; `left_out` are fields of results that follow from others."""
    from pydantic import TypeAdapter

    results = tuple(replace(r, series=tuple(map(_rounded, r.series))) for r in run.results)
    exclude: Any = {"results": {"__all__": set(left_out)}} if left_out else None
    return TypeAdapter(Run).dump_json(replace(run, results=results), exclude=exclude)


def _rounded(series: Series) -> Series:
    x, y = (tuple(float(f"{v:.{CURVE_DIGITS}g}") for v in values) for values in (series.x, series.y))
    return replace(series, x=x, y=y)


def to_page_data(run: Run) -> str:
    """Return the run as an HTML page carries it: its JSON in the compact form, by gzip, in base64.

    The ids of results are left out: they follow from layer, check and problem.
    """
    return base64.b64encode(gzip.compress(compact_json(_dumped(run, "id")), mtime=0)).decode()


def from_json(data: bytes | str) -> Run:
    """Return the run in `data`, a run.json or a page that carries one, with every status computed anew.

    Raises
    ------
    ValueError
        If the data is not a run of this schema version.
    """
    from pydantic import TypeAdapter, ValidationError

    data, header = _unpacked(data), _Header()
    try:
        header = TypeAdapter(_Header).validate_json(data)
        if header.schema_version == SCHEMA_VERSION:
            return TypeAdapter(Run).validate_json(data)
    except ValidationError as error:
        raise ValueError(_refusal(error, header.nodecheck_version)) from error
    message = (
        f"expected schema version {SCHEMA_VERSION}, got {header.schema_version} (written by nodecheck "
        f"{_plain(header.nodecheck_version) or 'of unknown version'}); read it with that version or run the "
        f"check again"
    )
    raise ValueError(message)


def _unpacked(data: bytes | str) -> bytes | str:
    """Return the JSON that a page carries; anything else, and a damaged page, as it is."""
    if not isinstance(data, bytes) or not data.startswith(_PAGE):
        return data
    found = _IN_A_PAGE.search(data)
    try:
        return expanded_json(gzip.decompress(base64.b64decode(found[1] if found else b"")))
    except (ValueError, RecursionError, EOFError, OSError, zlib.error):
        return data


def _refusal(error: ValidationError, writer: str) -> str:
    """Return the message about a file: its first fault, and its version if that is another one."""
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
    """Return outside text for an error message: shortened, and without control characters."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}…"


@dataclass(frozen=True)
class _Header:
    """The versions in a file; they are read first, because another schema has other fields."""

    nodecheck_version: str = ""
    schema_version: int = SCHEMA_VERSION


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of run.json, in which a number that is not finite is one of three strings."""
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    class Generate(GenerateJsonSchema):
        def float_schema(self, schema: Any) -> dict[str, Any]:
            return {"anyOf": [super().float_schema(schema), {"enum": ["NaN", "Infinity", "-Infinity"]}]}

    return TypeAdapter(Run).json_schema(mode="serialization", schema_generator=Generate)


def load_run(path: Path) -> Run:
    """Return the run stored at `path`, a run.json or a page."""
    return from_json(path.read_bytes())
