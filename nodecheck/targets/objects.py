"""Layers among the objects of a module, or an error that says what the module holds instead."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from types import ModuleType
from typing import Any

from nodecheck.layers import TorchLayer
from nodecheck.numerics.constants import MOST_SUGGESTIONS
from nodecheck.targets.imports import TargetError, UsageError

_SNIPPET = """\
    import nodecheck

    LAYER = nodecheck.TorchLayer(
        name="mine",
        build=lambda dynamics, t0, t1, n_steps: {name}(dynamics, t0, t1, n_steps),
        order=None, adjoint=None, memory=None,  # claims; None = not claimed, measure it
    )
    # nodecheck.adapt helps with f(y, t), time grids, step sizes, trajectories and flat parameters"""


def find_object(module: ModuleType, object_name: str, target: str, *, of_layers: bool = True) -> Any:
    """Return the object of a module with a dotted name; messages name the layers there if `of_layers`.

    Raises
    ------
    TargetError
        If the module has no such attribute.
    """
    found: Any = module
    for name in object_name.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            names = [n for n in dir(found) if not n.startswith("_")]
            layers = [n for n in names if _holds_layers(getattr(found, n, None))]
            where = "name the variable that holds it"
            if of_layers:
                where = f"it holds the layers {', '.join(layers)}" if layers else "it holds no TorchLayer"
            message = (
                f"expected an attribute {name!r}, got none in {target.rpartition(':')[0]!r}; "
                f"{suggestion(name, names)}{where}"
            )
            raise TargetError(message) from error
    return found


def as_layers(found: Any, object_name: str, target: str) -> tuple[TorchLayer, ...]:
    """Return a layer, or a sequence of layers, as a tuple.

    Raises
    ------
    UsageError
        If the object is anything else, or if it has no layer, or two of the same name.
    """
    if isinstance(found, TorchLayer):
        return (found,)
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise _not_a_layer(found, object_name, target)
    if not found:
        message = f"expected at least one TorchLayer, got an empty sequence in {target!r}; add a layer"
        raise UsageError(message)
    for i, item in enumerate(found):
        if not isinstance(item, TorchLayer):
            raise _not_a_layer(item, f"{object_name}[{i}]", target)
    repeated = [name for name, count in Counter(layer.name for layer in found).items() if count > 1]
    if repeated:
        message = (
            f"expected layers with different names, got {repeated[0]!r} more than once in {target!r}; "
            f"give each layer its own name"
        )
        raise UsageError(message)
    return tuple(found)


def given_layers(layers: Any) -> tuple[TorchLayer, ...]:
    """Return one layer, or the layers of an iterable, as a tuple.

    Raises
    ------
    ValueError
        If anything else was given, or no layer; the message is that of a target on the command line.
    """
    if isinstance(layers, TorchLayer):
        return (layers,)
    if isinstance(layers, str | PurePath):
        message = (
            f"expected a TorchLayer or a sequence of them, got {str(layers)!r}; pass the object itself, "
            f"or run `nodecheck check {layers}`"
        )
        raise ValueError(message)
    if isinstance(layers, Mapping) or _is_module(layers) or not isinstance(layers, Iterable):
        raise ValueError(str(_not_a_layer(layers, "layers")))
    found = tuple(layers)
    if not found:
        message = "expected at least one TorchLayer, got none; add a layer"
        raise ValueError(message)
    for i, item in enumerate(found):
        if not isinstance(item, TorchLayer):
            raise ValueError(str(_not_a_layer(item, f"layers[{i}]")))
    return found


def _is_module(found: Any) -> bool:
    """Return True for an `nn.Module`; some of them can be iterated."""
    from torch import nn

    return isinstance(found, nn.Module)


def _not_a_layer(found: Any, name: str, target: str = "") -> UsageError:
    """Return the error for an object that is no layer, with an adapter if it can be called."""
    where = f" in {target!r}" if target else ""
    expected = f"expected a TorchLayer or a sequence of them, got {name!r}{where}, "
    if isinstance(found, type):
        snippet = _SNIPPET.format(name=found.__name__)
        return UsageError(f"{expected}the class {found.__name__}; describe it in a few lines:\n\n{snippet}")
    if _is_module(found) or callable(found):
        kind = type(found).__name__
        snippet = _SNIPPET.format(name=kind if _is_module(found) else name)
        return UsageError(f"{expected}an object of type {kind}; describe how to build one:\n\n{snippet}")
    return UsageError(
        f"{expected}an object of type {type(found).__name__}; name the variable that holds the layers"
    )


def _holds_layers(value: object) -> bool:
    """Return True if a value is a layer or a sequence of layers."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, TorchLayer) for item in value)
    return isinstance(value, TorchLayer)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the question for a name that is written nearly like this one; "" if there is none."""
    near = difflib.get_close_matches(name, known, n=MOST_SUGGESTIONS)
    return f"did you mean {' or '.join(near)}? " if near else ""
