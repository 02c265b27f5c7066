"""References that another process computes while this one imports torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
from nodecheck.options.profile import SMOKE
from nodecheck.runner import early_references
take = early_references.begin(SMOKE, {select!r}, several=False)
take()
from nodecheck.problems import linear, neural
from nodecheck.reference import features, sensitivity
print(neural in sensitivity._known, neural in features._known, linear in sensitivity._known)
print("scipy.integrate" in sys.modules, "torch" in sys.modules)
if neural in sensitivity._known:
    found = sensitivity(neural)
    sensitivity._known.clear()
    here = sensitivity(neural)
    same = all((found.jacobians[k] == here.jacobians[k]).all() for k in here.jacobians)
    print(same, found.y1.flags.writeable)
"""


@pytest.fixture(scope="module")
def printed():
    """Return what a fresh process says about the references of a selection."""

    def say(select):
        code = CODE.format(select=select)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return say


def test_the_references_of_the_selected_checks_are_there(printed):
    known, modules, same = printed(["gradient-order"])
    assert known == "True True False"  # those of the smoke profile's problem, and no other
    assert modules == "False False"  # computed elsewhere
    assert same == "True False"


def test_without_checks_there_are_no_references(printed):
    assert printed(["no-such-check"])[0] == "False False False"
