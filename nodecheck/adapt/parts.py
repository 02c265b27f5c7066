"""The part of an output that holds the states, where a layer returns more than one tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from nodecheck.adapt.dropped import Dropped, record

_DEPTH = 2  # of containers within containers that are searched for tensors, as deep as the diagnosis looks


def part(output: Any, *path: int | str) -> Any:
    """Return a part of the output of a layer, and record the floating-point tensors beside it.

    Parameters
    ----------
    output
        A tuple, a list, a mapping, or an object with attributes.
    *path
        The place of the part: an index, a key or the name of an attribute for each level.

    Raises
    ------
    TypeError, IndexError, KeyError, AttributeError
        If there is no such place in the output.

    Examples
    --------
    >>> solve = lambda y0: adapt.part(flow(y0), 0)  # it returns (y1, log-determinant)
    >>> solve = lambda y0: adapt.last(adapt.part(solver.solve(y0), "ys"), time_axis=1)
    """
    for place in path:
        if isinstance(output, Tensor):
            message = (
                f"expected a tuple, a mapping or an object, got a tensor of shape {tuple(output.shape)}; "
                f"of a trajectory, `adapt.last(y, time_axis=...)` returns the final state"
            )
            raise TypeError(message)
        named = isinstance(place, str) and not isinstance(output, Mapping)
        chosen = getattr(output, str(place)) if named else output[place]
        _record_others(output, chosen)
        output = chosen
    return output


def _record_others(output: Any, chosen: Any) -> None:
    """Record the tensors beside the chosen part, those of one shape together."""
    beside = (value for value in _values(output) if value is not chosen)
    shapes = Counter(tuple(tensor.shape) for value in beside for tensor in _tensors(value, _DEPTH))
    for shape, count in shapes.items():
        several = f"{count} other tensors" if count > 1 else "another tensor"
        record(Dropped(f"{several} of shape {shape}"))


def _values(container: Any) -> Iterator[Any]:
    """Yield what a container or an object holds."""
    if isinstance(container, Mapping):
        yield from container.values()
    elif isinstance(container, tuple | list):
        yield from container
    else:
        yield from getattr(container, "__dict__", {}).values()


def _tensors(value: Any, depth: int) -> Iterator[Tensor]:
    """Yield the tensors in a value that could carry a gradient: counts and modules are no outputs."""
    if isinstance(value, Tensor):
        if value.is_floating_point() or value.is_complex():
            yield value
    elif depth and not isinstance(value, nn.Module):
        for inner in _values(value):
            yield from _tensors(inner, depth - 1)
