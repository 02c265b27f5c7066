"""Initial value problems, whose field is written once for every array library."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nodecheck.numerics.formats import rounded

# Groups of their own, which a parameter of the same name must not replace.
TIMES = ("t0", "t1", "ts")
RESERVED = ("y0", *TIMES)
Array = Any  # an array of any library that follows the Python array API standard
Float64 = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """An initial value problem y' = f(t, y; params), y(t0) = y0, to be solved at t1, or at output times.

    Problems compare and hash by value, so that solutions and references can be cached: two problems are
    equal if their names, fields, intervals and arrays are.  Fields are functions and compare as such.  Arrays
    are read-only copies: a layer that writes into its input cannot spoil the suite.  Give them to torch with
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
    ts
        Output times, strictly monotone from t0 to t1; () where the state at t1 alone is asked for.
    exact_flow
        ``exact_flow(t0, t, y0, /, **params) -> y(t)``, the exact solution that starts from y0 at t0, in the
        conventions of ``vector_field``; None where there is no closed form.
    reveals, blind_to
        Which bugs this problem can see, and which it cannot.
    stiff
        True if explicit methods need steps far below those that accuracy asks for.
    second_order
        True if the state is (q, v), joined on the last axis, with q' = v: the equation q'' = a(t, q, v).
    on_card
        True if the properties of a layer that its identity card states are measured on this problem.  A
        problem made from this one by `replace` is another one, and not on the card.
    in_pictures
        True if the report draws this problem: its state has two components.  As `on_card`, it is not kept by
        `replace`.
    cite
        Source of the problem.
    """

    name: str
    vector_field: Callable[..., Array]
    y0: Float64
    t0: float
    t1: float
    params: Mapping[str, Float64] = dataclasses.field(default_factory=dict)
    ts: tuple[float, ...] = ()
    exact_flow: Callable[..., Array] | None = None
    reveals: str = ""
    blind_to: str = ""
    stiff: bool = False
    second_order: bool = False
    on_card: bool = False
    in_pictures: bool = False
    cite: str = ""
    _identity: tuple[object, ...] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        if np.ndim(self.y0) != 2:
            msg = f"y0 must have shape (B, d), got {np.shape(self.y0)}; add a batch axis"
            raise ValueError(msg)
        if self.t0 == self.t1 or not np.isfinite([self.t0, self.t1]).all():
            msg = f"t0 and t1 must be finite and different, got {self.t0!r} and {self.t1!r}"
            raise ValueError(msg)
        _require_from_start_to_end(self.ts, self.t0, self.t1)
        object.__setattr__(self, "y0", _frozen(self.y0))
        object.__setattr__(self, "params", {name: _frozen(value) for name, value in self.params.items()})
        object.__setattr__(self, "_identity", self._value())

    def _value(self) -> tuple[object, ...]:
        """Return the attributes by which problems compare, arrays by their bytes."""
        arrays = tuple((name, value.shape, value.tobytes()) for name, value in self.groups.items())
        ends = (float(self.t0).hex(), float(self.t1).hex())  # -0.0 is another time than 0.0
        return self.name, self.vector_field, self.exact_flow, ends, tuple(map(float.hex, self.ts)), arrays

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def flow(self) -> Callable[..., Array] | None:
        """``flow(t, y0, /, **params) -> y(t)`` from this problem's t0; None if there is no closed form."""
        return None if self.exact_flow is None else functools.partial(self.exact_flow, self.t0)

    @property
    def duration(self) -> float:
        """Signed length t1 - t0 of the interval."""
        return self.t1 - self.t0

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what is asked for: (B, d), or (T, B, d) at T output times."""
        return (len(self.ts), *self.y0.shape) if self.ts else self.y0.shape

    @property
    def groups(self) -> dict[str, Float64]:
        """The arrays that a gradient is taken with respect to: "y0", and the parameters by `group_of`."""
        return {"y0": self.y0, **{group_of(name): value for name, value in self.params.items()}}

    def params_of(self, groups: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries of `groups` that belong to parameters, by the names of the parameters."""
        return {name: groups[group_of(name)] for name in self.params}

    def rounded_to(self, dtype: str) -> Self:
        """Return the problem with y0, parameters and times rounded to a dtype, under the same name.

        What is exact in the dtype is solved by its reference and by a layer alike.
        """
        t0, t1, *ts = (float(t) for t in rounded([self.t0, self.t1, *self.ts], dtype))
        params = {name: rounded(value, dtype) for name, value in self.params.items()}
        return dataclasses.replace(
            self, y0=rounded(self.y0, dtype), t0=t0, t1=t1, ts=tuple(ts), params=params
        )

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed; a new field drops the old exact flow."""
        if "vector_field" in changes:
            changes.setdefault("exact_flow", None)
        return dataclasses.replace(self, **{"on_card": False, "in_pictures": False} | changes)

    def with_interval(self, t0: float, t1: float) -> Self:
        """Return the problem on [t0, t1], solved at t1; y0 is unchanged and now holds at the new t0."""
        return self.replace(t0=t0, t1=t1, ts=())

    def at_shares(self, *shares: float, name: str) -> Self:
        """Return the problem with output times at these shares of the interval, between t0 and t1.

        Both ends are output times, too; shares are strictly between 0 and 1, in rising order.
        """
        between = tuple(float(self.t0 + share * self.duration) for share in shares)
        return self.replace(name=name, ts=(float(self.t0), *between, float(self.t1)))

    def reversed(self) -> Self:
        """Return the problem with t0 and t1 swapped: the same y0 now holds at t1, and time runs backwards."""
        return self.replace(name=f"{self.name}_reversed", t0=self.t1, t1=self.t0, ts=self.ts[::-1])


def group_of(parameter: str) -> str:
    """Return the name of the group of a parameter: its own, or ``params/name`` where that is reserved."""
    return f"params/{parameter}" if parameter in RESERVED else parameter


def _require_from_start_to_end(ts: tuple[float, ...], t0: float, t1: float) -> None:
    """Raise if output times are not strictly monotone from t0 to t1; none are fine."""
    if not ts:
        return
    steps = np.diff(ts) * np.sign(t1 - t0)
    if (ts[0], ts[-1]) != (t0, t1) or not (steps > 0).all():
        msg = f"ts must run strictly from t0 = {t0!r} to t1 = {t1!r}, got {ts!r}; include both ends, in order"
        raise ValueError(msg)


def _frozen(value: npt.ArrayLike) -> Float64:
    """Return a read-only float64 copy."""
    array = np.array(value, dtype=np.float64)
    array.flags.writeable = False
    return array
