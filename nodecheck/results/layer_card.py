"""The identity card of a layer, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LayerCard:
    """The identity of a layer: its name, its claims, its origin, and where and in which dtype it runs."""

    name: str
    target: str
    resolution: str  # "n_steps" or "tol"
    order: int | None = None
    adjoint: str | None = None
    memory: str | None = None
    tableau: str | None = None
    origin: str = ""
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    supports: tuple[str, ...] = ()
    output_times: bool = False  # it returns the states at given output times
    both_tolerances: bool = False  # it takes rtol and atol apart
    output: str = "state"  # or "log-det": a pair of the state and the log-determinant
    device: str = "cpu"
    dtype: str = "float64"
    other_dtype: bool = False  # it runs in another dtype than its own
    source: str = ""  # its name in the target, where that is another one

    def __post_init__(self) -> None:
        object.__setattr__(self, "supports", tuple(self.supports))  # a list where it comes from JSON

    @property
    def name_in_target(self) -> str:
        """The name by which its target knows it."""
        return self.source or self.name

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of layers that it belongs to, by which checks are asked of it."""
        kinds = {
            "output-times": self.output_times,
            "times": self.output_times or "time-gradients" in self.supports,
            "member-times": "member-times" in self.supports,
            "both-tolerances": self.both_tolerances,
            "log-det": self.output == "log-det",
            "device": self.device != "cpu",
        }
        resolution = "adaptive" if self.adaptive else "fixed-step"
        return ("all", resolution, *(kind for kind, holds in kinds.items() if holds))

    @property
    def adaptive(self) -> bool:
        """True if the resolution is a tolerance."""
        return self.resolution == "tol"
