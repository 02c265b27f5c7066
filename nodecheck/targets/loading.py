"""Loading all targets of a command line: one that cannot be loaded does not keep the others from running."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from nodecheck.layers import TorchLayer
    from nodecheck.results.field_card import FieldCard

_T = TypeVar("_T")
_S = TypeVar("_S")


@dataclass
class LoadedTargets(Generic[_T]):
    """The targets of a run after the attempt to load them.

    Attributes
    ----------
    by_target
        Layers by target, or the records that stand for them in another process.
    missing
        The reason for which a registered target is skipped: its library is not installed.
    usage_errors, load_errors
        The error of each other target, in a sentence.
    tracebacks
        The tracebacks of these errors.
    fields
        The cards of the problems of the user's own, by target; their errors are among those above.
    references
        The exact derivatives of those problems, pickled.
    environment
        Facts about the process that loaded them: versions, threads, devices.
    """

    by_target: dict[str, tuple[_T, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    usage_errors: dict[str, str] = field(default_factory=dict)
    load_errors: dict[str, str] = field(default_factory=dict)
    tracebacks: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    fields: dict[str, FieldCard] = field(default_factory=dict)
    references: dict[str, bytes] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[_T, ...]:
        """All layers, in the order of the targets."""
        return tuple(layer for group in self.by_target.values() for layer in group)

    @property
    def complete(self) -> bool:
        """True if every target gave its layers."""
        return not (self.missing or self.usage_errors or self.load_errors)

    def map(self, function: Callable[[_T, str], _S]) -> LoadedTargets[_S]:
        """Return the same with `function(layer, target)` in place of each layer."""
        groups = {name: tuple(function(x, name) for x in group) for name, group in self.by_target.items()}
        return LoadedTargets(**{**vars(self), "by_target": groups})

    def update(self, other: LoadedTargets[_T]) -> None:
        """Add other targets to these."""
        for name, found in vars(other).items():
            getattr(self, name).update(found)


def load_targets(targets: Sequence[str]) -> LoadedTargets[TorchLayer]:
    """Load each target once, in the order given."""
    from nodecheck.targets.discovery import load_target
    from nodecheck.targets.imports import TargetError, UsageError
    from nodecheck.targets.registry import MissingLibrary

    loaded: LoadedTargets[TorchLayer] = LoadedTargets()
    for target in dict.fromkeys(targets):
        try:
            loaded.by_target[target] = load_target(target)
        except MissingLibrary as error:
            loaded.missing[target] = str(error)
        except (UsageError, TargetError) as error:
            errors = loaded.usage_errors if isinstance(error, UsageError) else loaded.load_errors
            errors[target] = str(error)
            loaded.tracebacks[target] = "".join(traceback.format_exception(error))
    return loaded
