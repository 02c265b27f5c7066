"""Themes: what a group of checks asks, and the usual causes of a failure with their remedies.

A theme is a column of the scorecard, or a folder of `nodecheck/checks/`.  The words are in `themes.toml`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from nodecheck.checks import CHECKS, Check


@dataclass(frozen=True)
class Theme:
    """A group of checks: its question, and usual causes of a failure.

    Attributes
    ----------
    name
        Lower case, words joined by hyphens.
    asks
        The question, in a few sentences.
    causes
        Usual mistakes, each with its remedy.
    """

    name: str
    asks: str
    causes: tuple[tuple[str, str], ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks of the theme, in their order."""
        return tuple(check for check in CHECKS if self.name in themes_of(check))


@functools.cache
def themes() -> Mapping[str, Theme]:
    """Return all themes by name, those of the scorecard first."""
    text = resources.files("nodecheck.checks").joinpath("themes.toml").read_text("utf-8")
    return {
        name: Theme(name, words["asks"], tuple((mistake, remedy) for mistake, remedy in words["causes"]))
        for name, words in tomllib.loads(text).items()
    }


def themes_of(check: Check) -> tuple[str, ...]:
    """Return the names of the themes of a check: its column of the scorecard, and its folder."""
    folder = check.function.__module__.split(".")[2].replace("_", "-")
    return tuple(dict.fromkeys((check.theme.lower(), *((folder,) if folder in themes() else ()))))
