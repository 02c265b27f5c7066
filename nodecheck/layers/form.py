"""The form of a layer: what the names of the parameters of its `build` say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Resolution = Literal["n_steps", "tol"]
# What says how finely to solve, after the dynamics and the times.
_BOTH = ("rtol", "atol")
_RESOLUTIONS: tuple[tuple[str, ...], ...] = (("n_steps",), ("tol",), _BOTH)
_TIMES = "ts"
_EXAMPLE = "write `build=lambda dynamics, t0, t1, n_steps: MyODELayer(dynamics, t0, t1, n_steps)`"


@dataclass(frozen=True)
class Form:
    """The form of `build`.

    Attributes
    ----------
    resolution
        "n_steps" of a fixed-step layer, "tol" of an adaptive one.
    output_times
        True if it takes output times ts and the layer returns ys, False if it takes t0 and t1.
    names
        Names of the parameters for the resolution: of two, the same number is given to both unless an
        absolute tolerance is given.
    """

    resolution: Resolution
    output_times: bool
    names: tuple[str, ...]

    @property
    def both_tolerances(self) -> bool:
        """True if `build` takes rtol and atol apart."""
        return self.names == _BOTH

    def arguments(self, resolution: float, atol: float | None = None) -> dict[str, float]:
        """Return the arguments of `build` for a resolution, and for an absolute tolerance of its own.

        Raises
        ------
        ValueError
            If `build` does not take an absolute tolerance.
        """
        if atol is None:
            return dict.fromkeys(self.names, resolution)
        if not self.both_tolerances:
            message = (
                f"expected a build with rtol and atol, got one with {', '.join(self.names)}; leave out atol"
            )
            raise ValueError(message)
        return dict(zip(self.names, (resolution, atol), strict=True))


def form_of(name: str, build: Callable[..., Any]) -> Form:
    """Return the form of the `build` of a layer of this name.

    Raises
    ------
    TypeError
        If it is no function, or takes other parameters.
    """
    if not callable(build):
        message = f"build of {name!r} must be a function, got {type(build).__name__}; {_EXAMPLE}"
        raise TypeError(message)
    try:
        parameters = list(inspect.signature(build).parameters.values())
    except (TypeError, ValueError) as error:
        message = f"build of {name!r} must have a readable signature, got {build!r}; {_EXAMPLE}"
        raise TypeError(message) from error
    output_times = len(parameters) > 1 and parameters[1].name == _TIMES
    found = _resolution(parameters[2 if output_times else 3 :])
    if found:
        return Form("n_steps" if found == ("n_steps",) else "tol", output_times, found)
    message = (
        f"build of {name!r} must take (dynamics, t0, t1, …) or, for output times, (dynamics, ts, …) and then "
        f"n_steps, tol, or rtol and atol, got ({', '.join(p.name for p in parameters)}); {_EXAMPLE}"
    )
    raise TypeError(message)


def _resolution(parameters: Sequence[inspect.Parameter]) -> tuple[str, ...]:
    """Return the names that give the resolution; () if others are there, or others are needed besides."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for names in _RESOLUTIONS:
        first, rest = parameters[: len(names)], parameters[len(names) :]
        needed = [p for p in rest if p.default is p.empty and p.kind not in variadic]
        if tuple(p.name for p in first) == names and not needed:
            return names
    return ()
