"""The lines of a script for the layer of a target: of a registered library, or of the user's own file."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nodecheck.numerics.constants import SCRIPT_INLINED
from nodecheck.reproduce.inlining import NotInlined, inlined
from nodecheck.reproduce.libraries import registered
from nodecheck.reproduce.source import LayerSource
from nodecheck.results import LayerCard

if TYPE_CHECKING:
    from nodecheck.layers import TorchLayer

_IMPORTS = ("import ", "from ")
_NODECHECK = re.compile(r"^\s*(import|from) nodecheck\b", re.MULTILINE)


def described(card: LayerCard) -> LayerSource:
    """Return the lines of the layer of a card, which is loaded from its target.

    Raises
    ------
    LookupError
        If the target no longer has a layer of this name.
    """
    from nodecheck.targets.discovery import load_target
    from nodecheck.targets.registry import registered_names

    if card.target in registered_names() and (known := registered(card.name_in_target)):
        return known
    layer = next((one for one in load_target(card.target) if one.name == card.name_in_target), None)
    if layer is None:
        message = f"{card.target} has no layer {card.name_in_target!r}"
        raise LookupError(message)
    return _form(_lines(layer, card.target), layer)


def _form(source: LayerSource, layer: TorchLayer) -> LayerSource:
    """Return lines with the form of the layer."""
    return replace(
        source,
        output_times=layer.output_times,
        names=layer.form.names,
        output=layer.output,
        second_order="second-order" in layer.supports,
        separable="separable" in layer.supports,
        even="even" in layer.supports,
    )


def _lines(layer: TorchLayer, target: str) -> LayerSource:
    """Return the build written out, or imported where that is not possible."""
    try:
        lines, why = inlined(layer.build), ""
        if len(lines) > SCRIPT_INLINED:
            lines, why = (
                _imported(layer, target),
                f"build is imported from the target: it has {len(lines)} lines",
            )
    except NotInlined as error:
        lines, why = _imported(layer, target), f"build is imported from the target: {error}"
    imported = [line.split()[1].partition(".")[0] for line in lines if line.startswith(_IMPORTS)]
    folders = [f for f in _folders(target) if any(_holds(f, module) for module in imported)]
    lines = (*(f"import sys; sys.path.insert(0, {os.path.relpath(f)!r})" for f in folders), *lines)
    if not why and (file := _file(target)) and file.stem in imported and _needs_nodecheck(file):
        why = f"{file.name} itself imports nodecheck"
    return LayerSource(lines, note=why and f"{why}.")


def _imported(layer: TorchLayer, target: str) -> tuple[str, ...]:
    """Return the lines that take the build from the object that the target names."""
    source, _, name = target.rpartition(":")
    module = Path(source).stem if source.endswith(".py") else source
    first = name.partition(".")[0]
    found = f"from {module} import {first}"
    owner = getattr(sys.modules.get(layer.build.__module__), name, None)
    if hasattr(owner, "build"):
        return (found, f"build = {name}.build")
    return (found, f"build = next(x for x in {name} if x.name == {layer.name!r}).build")


def _file(target: str) -> Path | None:
    """Return the file of a target that names one."""
    source = target.rpartition(":")[0]
    return Path(source).resolve() if source.endswith(".py") else None


def _folders(target: str) -> tuple[Path, ...]:
    """Return the folders from which the target is imported, and which Python may not know."""
    file = _file(target)
    return (file.parent,) if file else (Path.cwd(),)


def _holds(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").exists() or (folder / module).is_dir()


def _needs_nodecheck(file: Path) -> bool:
    return _NODECHECK.search(file.read_text(encoding="utf-8")) is not None
