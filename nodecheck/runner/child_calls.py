"""Calls into a child process: they are pickled by name, and import torch only there.

The parent process refers to these functions.  The module that they call, `child`, is imported in the child
alone, so that the parent needs neither torch nor SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodecheck.options.profile import Profile
    from nodecheck.results import LayerCard
    from nodecheck.results.field_card import FieldCard
    from nodecheck.targets.loading import LoadedTargets

# The pool takes exit code 0 for the end of an idle worker, so a layer that exits with 0 gets this code.
EXITED_WITH_ZERO = 96


@dataclass(frozen=True)
class Subject:
    """A layer to examine: its target, its name there, its device and dtype, and the name of its results."""

    target: str
    layer: str
    device: str
    dtype: str
    name: str
    problems: tuple[str, ...] = ()  # the targets of the user's own problems


def start(output: Connection, memory_limit: int) -> None:
    """Prepare the child process; see `child.start`."""
    from nodecheck.runner import child

    child.start(output, memory_limit)


def describe(target: str) -> LoadedTargets[LayerCard]:
    """Return the claims of the layers of a target; see `child.describe`."""
    from nodecheck.runner import child

    return child.describe(target)


def describe_fields(targets: tuple[str, ...]) -> tuple[dict[str, FieldCard], dict[str, str], dict[str, str]]:
    """Return the cards of the problems of the user's own, and errors; see `own_problems.describe`."""
    from nodecheck.runner import child

    return child.describe_fields(targets)


def measure(subject: Subject, check: str, problem: str, profile: Profile, seed: int) -> bytes:
    """Return the result of one check on one problem as JSON; see `child.measure_layer`."""
    from nodecheck.runner import child

    return child.measure_layer(subject, check, problem, profile, seed)
