"""Trials: the output of a layer through its adapter, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nodecheck.layers.solution import Array, Call


@dataclass(frozen=True, eq=False)
class Part:
    """An array in what came back.

    Attributes
    ----------
    expression
        How to write it, with y for the whole: "y[0].ys".
    value
        Its entries.
    is_tensor
        True if it is a tensor of the framework, which can carry a gradient, and no NumPy array.
    path
        Its place: an index, a key or the name of an attribute for each level; empty for the whole.
    """

    expression: str
    value: Array
    is_tensor: bool
    path: tuple[Any, ...] = ()

    @property
    def reading(self) -> str:
        """The line of an adapter that reads it: "adapt.part(y, 0, 'ys')", which records what it drops."""
        return f"adapt.part({', '.join(['y', *map(repr, self.path)])})" if self.path else "y"


@dataclass(frozen=True, eq=False)
class Trial:
    """The output of a layer for y0, of any kind.

    Attributes
    ----------
    error
        What was raised, if anything was.
    built
        True if `build` returned something that can be called; False if the rest is about `build` itself.
    accepts_state
        True if what `build` returned can be called with y0 alone, as far as its signature tells.
    dynamics
        Name of the class of the dynamics, as it stands in Python's messages.
    described
        What came back, in words: "a tensor of shape (17, 4, 3)".
    parts
        The arrays in what came back; the first is the whole if that is an array.
    are_states
        True if what came back is a list of states, or a tuple of them that begins with y0.
    calls
        Calls of the dynamics until then.
    """

    error: Exception | None
    built: bool
    accepts_state: bool = True
    dynamics: str = ""
    described: str = ""
    parts: tuple[Part, ...] = ()
    are_states: bool = False
    calls: tuple[Call, ...] = ()
