"""The registered targets: layers that nodecheck brings an adapter for, by name.

A registered name stands for the ``LAYERS`` of one module, which is imported only when it is asked for: the
libraries are optional, and their import takes seconds.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from nodecheck.layers.base import TorchLayer


class MissingLibrary(Exception):
    """A registered target needs a library that is not installed; the runner skips it with this reason."""


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
        What the layers are, for ``nodecheck list layers``.
    library
        Import name of the library the module needs; empty if it needs none.
    """

    name: str
    module: str
    summary: str
    library: str = ""


REGISTERED: tuple[RegisteredTarget, ...] = (
    RegisteredTarget(
        "odelayer",
        "nodecheck.layers.odelayer",
        "nodecheck's own ODELayer: Euler, Heun, Ralston, RK4, each with continuous and discrete adjoint",
    ),
    RegisteredTarget(
        "torchdiffeq",
        "nodecheck.layers.torchdiffeq",
        "odeint and odeint_adjoint: Euler, midpoint, RK4 on a fixed grid, adaptive dopri5",
        library="torchdiffeq",
    ),
    RegisteredTarget(
        "torchode",
        "nodecheck.layers.torchode",
        "AutoDiffAdjoint and BacksolveAdjoint: adaptive dopri5 and tsit5",
        library="torchode",
    ),
)


def registered_names() -> tuple[str, ...]:
    """Return the registered names, in their order."""
    return tuple(target.name for target in REGISTERED)


def registered_layers(name: str) -> tuple[TorchLayer, ...]:
    """Return the layers of a registered target.

    Raises
    ------
    KeyError
        If the name is not registered.
    MissingLibrary
        If its library is not installed.
    """
    target = {target.name: target for target in REGISTERED}[name]
    if target.library and importlib.util.find_spec(target.library) is None:
        message = (
            f"{name} needs the library {target.library}, which is not installed; "
            f"install it with `python -m pip install nodecheck[{name}]`"
        )
        raise MissingLibrary(message)
    layers: tuple[TorchLayer, ...] = importlib.import_module(target.module).LAYERS
    return layers
