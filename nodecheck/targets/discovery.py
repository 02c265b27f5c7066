"""Discovery: from the TARGET of a command line to its layers, or to an error that says what to type."""

from __future__ import annotations

import re
import warnings
from typing import Any

from nodecheck.layers import TorchLayer
from nodecheck.targets.entry_points import Extension, extensions, extensions_named
from nodecheck.targets.imports import TargetError, UsageError, import_file, import_installed, import_module
from nodecheck.targets.objects import as_layers, find_object, suggestion
from nodecheck.targets.registry import registered_layers, registered_names

_FORMS = "a registered name, package.module:object or path/file.py:object"
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


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
    return as_layers(find_object(module, object_name, target), object_name, target)


def load_object(target: str, example: str) -> Any:
    """Return the object that ``package.module:object`` or ``path/file.py:object`` names, whatever it is.

    Parameters
    ----------
    target
        As in `load_target`.
    example
        Name of an object, for messages.

    Raises
    ------
    UsageError
        If the target is not written in one of the two forms.
    TargetError
        If there is no such file, module or attribute, or its import raises.
    """
    source, colon, name = target.rpartition(":")
    if not colon or not _DOTTED.fullmatch(name) or not (source.endswith(".py") or _DOTTED.fullmatch(source)):
        message = (
            f"expected package.module:object or path/file.py:object, got {target!r}; "
            f"write for instance `my.py:{example}`"
        )
        raise UsageError(message)
    module = import_file(source, target) if source.endswith(".py") else import_module(source, target)
    return find_object(module, name, target, of_layers=False)


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
        found = find_object(module, extension.attribute, extension.object)
    except TargetError as error:
        message = f"{extension.name!r} is registered by {extension.package}, but: {error}"
        raise TargetError(message) from error
    return as_layers(found, extension.attribute, extension.object)


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
    near = suggestion(target, known)
    return TargetError(
        f"expected {_FORMS}, got {target!r}, which is not registered; {near}registered are {', '.join(known)}"
    )
