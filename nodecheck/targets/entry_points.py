"""Targets that other packages register under the entry point group ``nodecheck.layers``.

In the pyproject.toml of a package::

    [project.entry-points."nodecheck.layers"]
    mine = "mypackage.nodecheck_layers:LAYERS"

Then ``nodecheck check mine`` examines these layers.  A package is imported when its target is requested.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

GROUP = "nodecheck.layers"


@dataclass(frozen=True)
class Extension:
    """A target that an installed package registers.

    Attributes
    ----------
    name
        The target as it is typed.
    module, attribute
        The module and the attribute that hold its layers.
    package
        Name and version of the package that registers it.
    """

    name: str
    module: str
    attribute: str
    package: str

    @property
    def object(self) -> str:
        """The target in the form ``package.module:object``."""
        return f"{self.module}:{self.attribute}"


def extensions() -> tuple[Extension, ...]:
    """Return the targets that packages of this environment register, sorted by name."""
    found = (
        Extension(point.name, point.module, point.attr or "LAYERS", _package(point.dist))
        for point in entry_points(group=GROUP)
    )
    return tuple(sorted(found, key=lambda extension: (extension.name, extension.package)))


def extensions_named(name: str) -> tuple[Extension, ...]:
    """Return the targets of one name: more than one if several packages use the same name."""
    return tuple(extension for extension in extensions() if extension.name == name)


def _package(distribution: object) -> str:
    """Return the name and version of a distribution."""
    name, version = getattr(distribution, "name", ""), getattr(distribution, "version", "")
    return f"{name} {version}".strip() or "an unknown package"
