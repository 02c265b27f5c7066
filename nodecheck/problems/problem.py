"""Problem: a named initial value problem whose field is written once, for every array library."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = Any  # an array of any library that follows the Python array API standard
Float64 = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """An initial value problem y' = f(t, y; params), y(t0) = y0, to be solved at t1.

    Problems compare and hash by identity, so that references can be cached per problem.  Arrays are
    read-only copies: a layer that writes into its input cannot spoil the suite.  Give them to torch with
    ``torch.tensor``, which copies; ``torch.from_numpy`` warns about read-only memory.

    Attributes
    ----------
    name
        Identifier, unique in the suite.
    vector_field
        ``f(t, y, /, **params) -> dy/dt`` in the array API standard.  ``t`` is a 0-d array of y's dtype and
        device, ``y`` has shape (..., d) with any leading axes, and so has the result.  Where y is (K, B, d),
        a parameter may be (K, 1, *shape): K fields in one call, so index parameters by ``[..., i]`` too.
        Fields are analytic: complex arguments give complex derivatives (complex step).
    y0
        Initial state, float64, shape (B, d).  The members of the batch do not interact.
    t0, t1
        Interval; ``t1 < t0`` integrates backwards in time.
    params
        Parameters by name, float64.  A parameter is shared by the whole batch.
    exact_flow
        ``exact_flow(t0, t, y0, /, **params) -> y(t)``, the exact solution that starts from y0 at t0, in the
        conventions of ``vector_field``; None where there is no closed form.
    reveals, blind_to
        Which bugs this problem can see, and which it cannot.
    stiff
        Whether explicit methods need steps far below what accuracy asks for.
    cite
        Source of the problem.
    """

    name: str
    vector_field: Callable[..., Array]
    y0: Float64
    t0: float
    t1: float
    params: Mapping[str, Float64] = dataclasses.field(default_factory=dict)
    exact_flow: Callable[..., Array] | None = None
    reveals: str = ""
    blind_to: str = ""
    stiff: bool = False
    cite: str = ""

    def __post_init__(self) -> None:
        if np.ndim(self.y0) != 2:
            msg = f"y0 must have shape (B, d), got {np.shape(self.y0)}; add a batch axis"
            raise ValueError(msg)
        if self.t0 == self.t1 or not np.isfinite([self.t0, self.t1]).all():
            msg = f"t0 and t1 must be finite and different, got {self.t0!r} and {self.t1!r}"
            raise ValueError(msg)
        object.__setattr__(self, "y0", _frozen(self.y0))
        object.__setattr__(self, "params", {name: _frozen(value) for name, value in self.params.items()})

    @property
    def flow(self) -> Callable[..., Array] | None:
        """``flow(t, y0, /, **params) -> y(t)`` from this problem's t0; None if there is no closed form."""
        return None if self.exact_flow is None else functools.partial(self.exact_flow, self.t0)

    @property
    def duration(self) -> float:
        """Signed length t1 - t0 of the interval."""
        return self.t1 - self.t0

    @property
    def groups(self) -> dict[str, Float64]:
        """Everything a gradient is taken with respect to: y0 and the parameters, by name."""
        return {"y0": self.y0, **self.params}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed; a new field drops the old exact flow."""
        if "vector_field" in changes:
            changes.setdefault("exact_flow", None)
        return dataclasses.replace(self, **changes)

    def with_interval(self, t0: float, t1: float) -> Self:
        """Return the problem on [t0, t1]; y0 is unchanged and now holds at the new t0."""
        return self.replace(t0=t0, t1=t1)

    def reversed(self) -> Self:
        """Return the problem with t0 and t1 swapped: the same y0 now holds at t1, and time runs backwards."""
        return self.replace(name=f"{self.name}_reversed", t0=self.t1, t1=self.t0)


def _frozen(value: npt.ArrayLike) -> Float64:
    """Return a read-only float64 copy."""
    array = np.array(value, dtype=np.float64)
    array.flags.writeable = False
    return array
