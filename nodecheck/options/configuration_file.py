"""From the files of a folder and those above it to a configuration, or to what is wrong with it."""

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

if TYPE_CHECKING:
    from pydantic import ValidationError


def load_configuration(start: Path) -> Configuration:
    """Return the configuration that holds in a folder: the nearest, up to the root of the repository.

    Paths in it are given from the folder of the file, and returned from `start`.

    Raises
    ------
    ConfigurationError
        If a file cannot be read, says something that is not known, or both files of a folder configure.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        found = _table_in(folder)
        if found is not None:
            source, data = found
            table = _checked(data, Configuration(source=source).where)
            return Configuration(_from(start, table, folder), source)
        if (folder / ".git").exists():
            break
    return Configuration()


def _table_in(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file of a folder that configures, and what it says."""
    own, project = folder / OWN_FILE, folder / PROJECT_FILE
    mine = _read(own) if own.is_file() else None
    tool = _read(project).get("tool") if project.is_file() else None
    theirs = tool.get("nodecheck") if isinstance(tool, dict) else None
    if mine and theirs:
        message = (
            f"expected one configuration, got both {OWN_FILE} and [tool.nodecheck] of {PROJECT_FILE}; "
            f"keep one of them"
        )
        raise ConfigurationError(message)
    if theirs is not None and not isinstance(theirs, dict):
        message = (
            f"tool.nodecheck of {PROJECT_FILE} must be a table, got {theirs!r}; write it as [tool.nodecheck]"
        )
        raise ConfigurationError(message)
    if theirs:
        return project, theirs
    return None if mine is None else (own, mine)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        received = getattr(error, "strerror", None) or str(error)
        message = f"expected TOML in {path.name}, got: {received}; correct it"
        raise ConfigurationError(message) from error


def _checked(data: dict[str, Any], where: str) -> Table:
    """Return the table, with everything in it of the type it must have."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Table).validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ConfigurationError(_refusal(error, where)) from error


def _refusal(error: ValidationError, where: str) -> str:
    """Return what is wrong first: what was expected, what is there, what to do."""
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
    return f"{place} in {where} must be {expected}, got {_shown(first['input'])}; correct it or leave it out"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _from(start: Path, table: Table, folder: Path) -> Table:
    """Return the table with its paths seen from `start`."""

    def seen(path: str) -> str:
        return Path(os.path.relpath(folder / path, start)).as_posix()

    targets = []
    for target in table.targets:
        file, colon, name = target.rpartition(":")
        targets.append(f"{seen(file)}:{name}" if colon and file.endswith(".py") else target)
    return replace(table, targets=tuple(targets), output=seen(table.output) if table.output else None)
