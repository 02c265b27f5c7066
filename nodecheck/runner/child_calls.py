"""Calls into a child process: they are pickled by name, and import torch only there.

The parent process refers to these functions.  The module that they call, `child`, is imported in the child
alone, so that the parent needs neither torch nor SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    problems: tuple[str, ...] = ()  # the targets of problems of the user's own


@dataclass
class Described:
    """Problems of the user's own, by target: their cards and references, and the errors of the others.

    A reference is pickled: the processes that measure layers take it from there, and not each its own.
    """

    cards: dict[str, FieldCard] = field(default_factory=dict)
    references: dict[str, bytes] = field(default_factory=dict)
    usage_errors: dict[str, str] = field(default_factory=dict)
    load_errors: dict[str, str] = field(default_factory=dict)


def start(output: Connection, memory_limit: int) -> None:
    """Prepare the child process; see `child.start`."""
    from nodecheck.runner import child

    child.start(output, memory_limit)


def describe(target: str) -> LoadedTargets[LayerCard]:
    """Return the claims of the layers of a target; see `child.describe`."""
    from nodecheck.runner import child

    return child.describe(target)


def describe_problems(targets: Sequence[str], outputs: bool) -> Described:
    """Return the problems of the user's own, or their errors; see `own_problems.describe`."""
    from nodecheck.runner import child

    return child.describe_problems(targets, outputs=outputs)


def take_problems(references: Mapping[str, bytes]) -> None:
    """Load the problems of the user's own, by target with their references; see `child.take_problems`."""
    from nodecheck.runner import child

    child.take_problems(references)


def measure(subject: Subject, check: str, problem: str, profile: Profile, seed: int) -> bytes:
    """Return the result of one check on one problem as JSON; see `child.measure_layer`."""
    from nodecheck.runner import child

    return child.measure_layer(subject, check, problem, profile, seed)
