"""Loads all targets of a command line: one that cannot be loaded does not keep the others from running."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from nodecheck.layers.base import TorchLayer
from nodecheck.layers.discovery import load_target
from nodecheck.layers.imports import TargetError, UsageError
from nodecheck.layers.registry import MissingLibrary


@dataclass
class Loaded:
    """What became of the targets.

    Attributes
    ----------
    layers
        Layers by target.
    missing
        Why a registered target is skipped: its library is not installed.
    usage_errors, load_errors
        What is wrong with the others.
    """

    layers: dict[str, tuple[TorchLayer, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    usage_errors: dict[str, UsageError] = field(default_factory=dict)
    load_errors: dict[str, TargetError] = field(default_factory=dict)

    def tracebacks(self) -> str:
        """Return the tracebacks of everything that could not be loaded."""
        errors = [*self.usage_errors.values(), *self.load_errors.values()]
        return "\n".join("".join(traceback.format_exception(error)) for error in errors)


def load_targets(targets: Sequence[str]) -> Loaded:
    """Load each target once, in the order given."""
    loaded = Loaded()
    for target in dict.fromkeys(targets):
        try:
            loaded.layers[target] = load_target(target)
        except MissingLibrary as error:
            loaded.missing[target] = str(error)
        except UsageError as error:
            loaded.usage_errors[target] = error
        except TargetError as error:
            loaded.load_errors[target] = error
    return loaded
