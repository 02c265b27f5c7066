"""Loads all targets of a command line: one that cannot be loaded does not keep the others from running."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nodecheck.layers import TorchLayer
from nodecheck.targets.discovery import load_target
from nodecheck.targets.imports import TargetError, UsageError
from nodecheck.targets.registry import MissingLibrary

_T = TypeVar("_T")
_S = TypeVar("_S")


@dataclass
class Loaded(Generic[_T]):
    """What became of the targets.

    Attributes
    ----------
    layers
        Layers by target, or what stands for them in another process.
    missing
        Why a registered target is skipped: its library is not installed.
    usage_errors, load_errors
        What is wrong with the others, in a sentence.
    tracebacks
        Where these errors come from.
    """

    layers: dict[str, tuple[_T, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    usage_errors: dict[str, str] = field(default_factory=dict)
    load_errors: dict[str, str] = field(default_factory=dict)
    tracebacks: dict[str, str] = field(default_factory=dict)

    @property
    def everyone(self) -> tuple[_T, ...]:
        """All layers, in the order of the targets."""
        return tuple(layer for group in self.layers.values() for layer in group)

    def each(self, function: Callable[[_T, str], _S]) -> Loaded[_S]:
        """Return the same with `function(layer, target)` in place of each layer."""
        layers = {name: tuple(function(x, name) for x in group) for name, group in self.layers.items()}
        return Loaded(layers, self.missing, self.usage_errors, self.load_errors, self.tracebacks)

    def absorb(self, other: Loaded[_T]) -> None:
        """Add what became of other targets."""
        for name, found in vars(other).items():
            getattr(self, name).update(found)


def load_targets(targets: Sequence[str]) -> Loaded[TorchLayer]:
    """Load each target once, in the order given."""
    loaded: Loaded[TorchLayer] = Loaded()
    for target in dict.fromkeys(targets):
        try:
            loaded.layers[target] = load_target(target)
        except MissingLibrary as error:
            loaded.missing[target] = str(error)
        except (UsageError, TargetError) as error:
            errors = loaded.usage_errors if isinstance(error, UsageError) else loaded.load_errors
            errors[target] = str(error)
            loaded.tracebacks[target] = "".join(traceback.format_exception(error))
    return loaded
