"""Registered targets: libraries for which nodecheck has adapters, by name.

A registered name stands for the ``LAYERS`` of one module.  The module is imported when the name is requested,
because the libraries are optional and their import takes seconds.  Other packages register their targets by
entry points (`nodecheck.targets.entry_points`).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodecheck.targets.imports import import_installed, why_not_importable

if TYPE_CHECKING:
    from nodecheck.layers import TorchLayer


class MissingLibrary(Exception):
    """A registered target needs a library that is missing; the runner skips the target with this reason."""


@dataclass(frozen=True)
class RegisteredTarget:
    """A name on the command line, and the module whose ``LAYERS`` it stands for.

    Attributes
    ----------
    name
        The target as it is typed; also the name of the library and of the extra that installs it.
    module
        Module with a tuple ``LAYERS``.
    summary
        Description of the layers, for ``nodecheck list layers``.
    library
        Import name of the part of the library that the module uses; empty if it uses none.
    advice
        ``(module, advice)``: the advice is given if the library cannot be imported and `module` is installed.
    """

    name: str
    module: str
    summary: str
    library: str = ""
    advice: tuple[str, str] = ("", "")


REGISTERED: tuple[RegisteredTarget, ...] = (
    RegisteredTarget(
        "odelayer",
        "nodecheck.targets.third_party.odelayer",
        "nodecheck's own ODELayer: Euler, Heun, Ralston and RK4 in equal steps, and pairs by tolerance",
    ),
    RegisteredTarget(
        "torchdiffeq",
        "nodecheck.targets.third_party.torchdiffeq",
        "odeint and odeint_adjoint with every solver: fixed grid, Adams and adaptive",
        library="torchdiffeq",
    ),
    RegisteredTarget(
        "torchode",
        "nodecheck.targets.third_party.torchode",
        "AutoDiffAdjoint, BacksolveAdjoint and JointBacksolveAdjoint, steps controlled and fixed",
        library="torchode",
    ),
    RegisteredTarget(
        "torchdyn",
        "nodecheck.targets.third_party.torchdyn",
        "odeint, and NeuralODE with autograd, adjoint and interpolated_adjoint, with every solver",
        library="torchdyn.core",
        advice=(
            "torchvision",
            "torchdyn requires torchvision but never uses it, and its wheel does not fit every build of "
            "torch: remove it with `python -m pip uninstall torchvision`",
        ),
    ),
)


def registered_names() -> tuple[str, ...]:
    """Return the registered names, in the order of `REGISTERED`."""
    return tuple(target.name for target in REGISTERED)


def registered_layers(name: str) -> tuple[TorchLayer, ...]:
    """Return the layers of a registered target.

    Raises
    ------
    KeyError
        If the name is not registered.
    MissingLibrary
        If its library is not installed, or cannot be imported.
    TargetError
        If its library can be imported, but the adapter does not fit it.
    """
    target = {target.name: target for target in REGISTERED}[name]
    if target.library:
        _require(target)
    layers: tuple[TorchLayer, ...] = import_installed(target.module, target.module).LAYERS
    return layers


def _require(target: RegisteredTarget) -> None:
    """Raise `MissingLibrary`, with advice, unless the library of the target can be imported."""
    package = target.library.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        message = (
            f"{target.name} needs the library {package}, which is not installed; "
            f"install it with `python -m pip install {package}`"
        )
        raise MissingLibrary(message)
    reason = why_not_importable(target.library)
    if reason:
        module, what_to_do = target.advice
        advised = module and importlib.util.find_spec(module) is not None
        hint = what_to_do if advised else f"`python -c 'import {target.library}'` shows the traceback"
        message = f"{target.name} is installed but cannot be imported, got {reason}; {hint}"
        raise MissingLibrary(message)
