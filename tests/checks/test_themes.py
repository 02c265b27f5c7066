"""Themes: columns of the scorecard and folders of checks, each with its words."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodecheck.checks
from nodecheck.checks import CHECKS
from nodecheck.checks.themes import themes, themes_of

FOLDERS = [path.name for path in Path(nodecheck.checks.__file__).parent.iterdir() if path.is_dir()]


def test_every_column_of_the_scorecard_is_a_theme():
    assert {check.theme.lower() for check in CHECKS} <= set(themes())


@pytest.mark.parametrize("folder", [name for name in FOLDERS if not name.startswith("_")])
def test_every_folder_of_checks_is_a_theme(folder):
    assert folder.replace("_", "-") in themes()


@pytest.mark.parametrize("theme", themes().values(), ids=lambda theme: theme.name)
def test_a_theme_has_checks_and_causes_with_remedies(theme):
    assert len(theme.checks) > 1
    assert len(theme.causes) > 1
    assert all(text.endswith(".") for cause in theme.causes for text in cause)


def test_no_theme_has_the_name_of_a_check():
    assert not {check.id for check in CHECKS} & set(themes())


def test_a_check_names_its_column_first_and_then_its_folder():
    (found,) = (themes_of(check) for check in CHECKS if check.id == "gradient-tolerance")
    assert found == ("gradient", "tolerance")
