"""A pytest within this one: quick, because torch is imported already."""

from __future__ import annotations

import pytest
from suites import LAYERS, STRICT, write

# The package in this folder has tests of its own, which are run where it is installed.
collect_ignore = ["package"]


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, layers__py=LAYERS, pyproject__toml=STRICT)


class Watching:
    """Keeps the ids of what is collected."""

    def __init__(self):
        self.ids = []

    def pytest_collection_finish(self, session):
        self.ids = [item.nodeid for item in session.items]


@pytest.fixture
def here(folder, monkeypatch, capfd):
    """Run pytest within this one: it returns its exit code, the ids and what it said."""
    monkeypatch.chdir(folder)

    def run(*arguments):
        watching = Watching()
        quiet = (
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-p",
            "no:cov",
            "--import-mode=importlib",
        )
        code = pytest.main([*quiet, *arguments], plugins=[watching])
        told = capfd.readouterr()
        return code, watching.ids, " ".join((told.out + told.err).split())

    return run
