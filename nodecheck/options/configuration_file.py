"""The configuration file: found, read, and checked."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodecheck.options.configuration import (
    OWN_FILE,
    PROJECT_FILE,
    Configuration,
    ConfigurationError,
    Expectation,
    Table,
)
from nodecheck.options.layer_names import split

if TYPE_CHECKING:
    from pydantic import ValidationError

_LONGEST_VALUE = 80  # characters of a value in a message


def load_configuration(start: Path) -> Configuration:
    """Return the nearest configuration, in a folder or above it, up to the root of the repository.

    Paths in the file are relative to the folder of the file.  Here they are made relative to `start`.

    Raises
    ------
    ConfigurationError
        If a file cannot be read or has an unknown key, or if both files of a folder configure nodecheck.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        found = _table_in(folder)
        if found is not None:
            source, data = found
            table = _checked(data, Configuration(source=source).where)
            return Configuration(_relative_to(start, table, folder), source)
        if (folder / ".git").exists():
            break
    return Configuration()


def _table_in(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file of a folder that configures nodecheck, with its content; None if there is none."""
    own, project = folder / OWN_FILE, folder / PROJECT_FILE
    own_data = _read(own) if own.is_file() else None
    tool = _read(project).get("tool") if project.is_file() else None
    project_data = tool.get("nodecheck") if isinstance(tool, dict) else None
    if own_data and project_data:
        message = (
            f"expected one configuration, got both {OWN_FILE} and [tool.nodecheck] of {PROJECT_FILE}; "
            f"keep one of them"
        )
        raise ConfigurationError(message)
    if project_data is not None and not isinstance(project_data, dict):
        message = (
            f"tool.nodecheck of {PROJECT_FILE} must be a table, got {project_data!r}; "
            f"write it as [tool.nodecheck]"
        )
        raise ConfigurationError(message)
    if project_data:
        return project, project_data
    return None if own_data is None else (own, own_data)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        received = getattr(error, "strerror", None) or str(error)
        message = f"expected TOML in {path.name}, got: {received}; correct it"
        raise ConfigurationError(message) from error


def _checked(data: dict[str, Any], where: str) -> Table:
    """Return the table, each of its values checked for its type."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Table).validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ConfigurationError(_error_message(error, where)) from error


def _error_message(error: ValidationError, where: str) -> str:
    """Return a sentence about the first error: expected, received, what to do."""
    first = error.errors()[0]
    place, kind = ".".join(str(part) for part in first["loc"]), first["type"]
    key = str(first["loc"][-1])
    known = [f.name for f in fields(Expectation if "expect" in first["loc"] else Table)]
    if kind == "unexpected_keyword_argument":
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "leave it out"
        return f"expected one of {', '.join(known)} in {where}, got {place!r}; {hint}"
    if kind in ("missing", "missing_argument"):
        return f"expected {place} in {where}, got nothing; give it"
    expected = first["msg"].removeprefix("Input should ").removeprefix("be ")
    return (
        f"{place} in {where} must be {expected}, got {_shortened(first['input'])}; correct it or leave it out"
    )


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _relative_to(start: Path, table: Table, folder: Path) -> Table:
    """Return the table with its paths relative to `start`."""

    def relative(path: str) -> str:
        return Path(os.path.relpath(folder / path, start)).as_posix()

    def located(target: str) -> str:
        file, colon, _ = split(target)[0].rpartition(":")
        found = colon and file.endswith(".py")
        return f"{relative(file)}{target.removeprefix(file)}" if found else target

    own = (table.problems,) if isinstance(table.problems, str) else table.problems
    return replace(
        table,
        targets=tuple(map(located, table.targets)),
        problems=None if own is None else tuple(map(located, own)),
        output=relative(table.output) if table.output else None,
    )
