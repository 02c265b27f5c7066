"""Discovery: from the TARGET of a command line to its layers, or to an error that says what to type."""

from __future__ import annotations

import difflib
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from nodecheck.layers import TorchLayer
from nodecheck.numerics.constants import MOST_SUGGESTIONS
from nodecheck.targets.entry_points import Extension, extensions, extensions_named
from nodecheck.targets.imports import TargetError, UsageError, import_file, import_installed, import_module
from nodecheck.targets.registry import registered_layers, registered_names

_FORMS = "a registered name, package.module:object or path/file.py:object"
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_SNIPPET = """\
    import nodecheck

    LAYER = nodecheck.TorchLayer(
        name="mine",
        build=lambda dynamics, t0, t1, n_steps: {name}(dynamics, t0, t1, n_steps),
        order=None, adjoint=None, memory=None,  # claims; None = not claimed, measure it
    )
    # nodecheck.adapt helps with f(y, t), time grids, step sizes, trajectories and flat parameters"""


def load_target(target: str) -> tuple[TorchLayer, ...]:
    """Return the layers that a TARGET names.

    Parameters
    ----------
    target
        A registered name (nodecheck's own, or one of an entry point), ``package.module:object`` or
        ``path/file.py:object``.  The object, possibly dotted, is a `TorchLayer` or a sequence of them.  The
        folder of the file, or the current directory for a module, is put on ``sys.path`` and stays there,
        because layers may import modules later.

    Raises
    ------
    UsageError
        If the target is not written in one of the three forms, or names something that is not a layer.
    TargetError
        If there is no such name, file, module or attribute, or its import raises.
    MissingLibrary
        If a registered target needs a library that is not installed.
    """
    if target in registered_names():
        _warn_of_namesakes(target)
        return registered_layers(target)
    if others := extensions_named(target):
        return _of_extension(others)
    source, object_name = _split(target)
    module = import_file(source, target) if source.endswith(".py") else import_module(source, target)
    return _as_layers(_find(module, object_name, target), object_name, target)


def _warn_of_namesakes(target: str) -> None:
    """Warn of packages that register a target under a name of nodecheck's own."""
    for other in extensions_named(target):
        warnings.warn(
            f"{target} is a target of nodecheck itself; the one of the same name that {other.package} "
            f"registers is `{other.object}`",
            stacklevel=3,
        )


def _of_extension(others: tuple[Extension, ...]) -> tuple[TorchLayer, ...]:
    """Return the layers of a target that another package registers."""
    extension = others[0]
    if len(others) > 1:
        message = (
            f"expected one package to register {extension.name!r}, "
            f"got {', '.join(o.package for o in others)}; write {' or '.join(o.object for o in others)}"
        )
        raise TargetError(message)
    try:
        module = import_installed(extension.module, extension.object)
        found = _find(module, extension.attribute, extension.object)
    except TargetError as error:
        message = f"{extension.name!r} is registered by {extension.package}, but: {error}"
        raise TargetError(message) from error
    return _as_layers(found, extension.attribute, extension.object)


def _split(target: str) -> tuple[str, str]:
    """Return the file or module to import, and the name of the object in it."""
    source, colon, object_name = target.rpartition(":")
    if not colon:
        raise _no_object(target)
    if _DOTTED.fullmatch(object_name) and (source.endswith(".py") or _DOTTED.fullmatch(source)):
        return source, object_name
    message = f"expected {_FORMS}, got {target!r}; write for instance `mylib/nodecheck_layers.py:LAYERS`"
    raise UsageError(message)


def _no_object(target: str) -> Exception:
    """Return the error for a target without a colon: a file, a module, or a name that is not registered."""
    if target.endswith(".py") or (_DOTTED.fullmatch(target) and "." in target):
        return UsageError(
            f"expected {_FORMS}, got {target!r}, which names no object; "
            f"add the object behind a colon, for instance `{target}:LAYERS`"
        )
    known = (*registered_names(), *dict.fromkeys(extension.name for extension in extensions()))
    near = _suggestion(target, known)
    return TargetError(
        f"expected {_FORMS}, got {target!r}, which is not registered; {near}registered are {', '.join(known)}"
    )


def _find(module: ModuleType, object_name: str, target: str) -> Any:
    """Return the object of a module with a dotted name."""
    found: Any = module
    for name in object_name.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            names = [n for n in dir(found) if not n.startswith("_")]
            layers = [n for n in names if _holds_layers(getattr(found, n, None))]
            where = f"it holds the layers {', '.join(layers)}" if layers else "it holds no TorchLayer"
            message = (
                f"expected an attribute {name!r}, got none in {target.rpartition(':')[0]!r}; "
                f"{_suggestion(name, names)}{where}"
            )
            raise TargetError(message) from error
    return found


def _as_layers(found: Any, object_name: str, target: str) -> tuple[TorchLayer, ...]:
    """Return the object as a tuple of layers."""
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


def _not_a_layer(found: Any, name: str, target: str) -> UsageError:
    """Return the error for an object that is no layer, with an adapter if it can be called."""
    from torch import nn

    expected = f"expected a TorchLayer or a sequence of them, got {name!r} in {target!r}, "
    if isinstance(found, type):
        snippet = _SNIPPET.format(name=found.__name__)
        return UsageError(f"{expected}the class {found.__name__}; describe it in a few lines:\n\n{snippet}")
    if isinstance(found, nn.Module) or callable(found):
        kind = type(found).__name__
        snippet = _SNIPPET.format(name=kind if isinstance(found, nn.Module) else name)
        return UsageError(f"{expected}an object of type {kind}; describe how to build one:\n\n{snippet}")
    return UsageError(
        f"{expected}an object of type {type(found).__name__}; name the variable that holds the layers"
    )


def _holds_layers(value: object) -> bool:
    """Return True if a value is a layer or a sequence of layers."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, TorchLayer) for item in value)
    return isinstance(value, TorchLayer)


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Return the question for a name that is written nearly like this one; "" if there is none."""
    near = difflib.get_close_matches(name, known, n=MOST_SUGGESTIONS)
    return f"did you mean {' or '.join(near)}? " if near else ""
