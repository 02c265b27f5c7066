"""A kind of script: what is asked of the layer, and what the script compares it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nodecheck.reproduce.setting import ORDER, Setting
from nodecheck.reproduce.source import LayerSource


@dataclass(frozen=True)
class Kind:
    """A kind of script.

    Attributes
    ----------
    name
        Identifier.
    body
        The lines of the script after those of the layer.  They leave two numbers, `error` and `bound`, and
        print what is expected and what is received.
    reduces
        What may be reduced.
    fewest_steps
        The least number of steps at which a right layer of any method passes.
    adjoint
        The way to the gradient of our own layer that must pass the script; "": the claimed one.
    """

    name: str
    body: Callable[[Setting, LayerSource], list[str]]
    reduces: tuple[str, ...] = ORDER
    fewest_steps: int = 1
    adjoint: str = "discrete"


def script(kind: Kind, setting: Setting, source: LayerSource, title: str) -> str:
    """Return the whole script; it fails with `title` where the layer is wrong."""
    lines = [f"# {title}." + (f"  {source.note}" if source.note else ""), "import torch"]
    lines += [*source.lines, *kind.body(setting, source)]
    return "\n".join([*lines, f"assert error <= bound, {title!r}"]) + "\n"


def says(error: str, bound: str, expected: str, received: str) -> list[str]:
    """Return the lines of what was measured, what is allowed, and how both are said in an f-string."""
    return [f"error, bound = {error}, {bound}", f'print(f"expected {expected}, received {received}")']
