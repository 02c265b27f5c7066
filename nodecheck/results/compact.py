"""JSON in which each value that occurs more than once is written once.

A list, an object or a text that is repeated stands in the list `shared` of the document, and ``{"$": n}``
stands in its place.  An entry of that list refers to earlier entries alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

SHARED, _REFERENCE = "shared", "$"
_SHORTEST = len('{"$":99}')  # characters: a reference is no shorter than a value of fewer


def compact(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with its repeated values written once; `expanded` gives it back."""
    return _Numbering().of_document(document)


def expanded(document: Any) -> Any:
    """Return the JSON value that `compact` was given; a value without `shared` is returned as it is.

    Raises
    ------
    ValueError
        If a reference is to no earlier entry.
    """
    if not isinstance(document, dict) or not isinstance(document.get(SHARED), list):
        return document
    shared: list[Any] = []
    for value in document[SHARED]:
        shared.append(_resolved(value, shared))
    return {key: _resolved(value, shared) for key, value in document.items() if key != SHARED}


def compact_json(data: bytes) -> bytes:
    """Return a JSON object, as bytes, in the compact form."""
    return _dumped(compact(json.loads(data)))


def expanded_json(data: bytes) -> bytes:
    """Return the JSON that `compact_json` made compact; any other bytes are returned as they are."""
    if f'"{SHARED}":['.encode() not in data:
        return data
    return _dumped(expanded(json.loads(data)))


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _resolved(value: Any, shared: list[Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(v, shared) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_REFERENCE} and isinstance(value[_REFERENCE], int):
        if not 0 <= value[_REFERENCE] < len(shared):
            message = f"expected a reference to one of {len(shared)} earlier entries, got {value[_REFERENCE]}"
            raise ValueError(message)
        return shared[value[_REFERENCE]]
    return {k: _resolved(v, shared) for k, v in value.items()}


class _Numbering:
    """A number for each distinct value of a document, in which equal values have the same number."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._values: list[Any] = []
        self._places: Counter[int] = Counter()  # in distinct values, not in all of their copies
        self._shared: dict[int, int] = {}  # from a number to the entry of `shared`
        self._entries: list[Any] = []

    def of_document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        numbered = {key: self._number(value) for key, value in document.items()}
        self._places.update(numbered.values())
        written = {key: self._written(number) for key, number in numbered.items()}
        return {**written, SHARED: self._entries}

    def _number(self, value: Any) -> int:
        """Return the number of a value; its parts have numbers of their own."""
        key: Hashable
        parts: Any = value
        if isinstance(value, dict):
            parts = {k: self._number(v) for k, v in value.items()}
            key = ("object", *parts.items())
        elif isinstance(value, list):
            parts = [self._number(v) for v in value]
            key = ("list", *parts)
        else:
            key = (type(value).__name__, repr(value))  # 0.0 and −0.0 are equal, and are not the same
        if key not in self._numbers:
            self._numbers[key] = len(self._values)
            self._values.append(parts)
            if parts is not value:
                self._places.update(parts.values() if isinstance(parts, dict) else parts)
        return self._numbers[key]

    def _written(self, number: int) -> Any:
        """Return a value, or the reference to it."""
        if number in self._shared:
            return {_REFERENCE: self._shared[number]}
        value = self._values[number]
        if isinstance(value, dict):
            value = {k: self._written(v) for k, v in value.items()}
        elif isinstance(value, list):
            value = [self._written(v) for v in value]
        if self._places[number] < 2 or not _is_worth_sharing(value):
            return value
        self._shared[number] = len(self._entries)
        self._entries.append(value)
        return {_REFERENCE: self._shared[number]}


def _is_worth_sharing(value: Any) -> bool:
    return isinstance(value, dict | list | str) and len(_dumped(value)) > _SHORTEST
