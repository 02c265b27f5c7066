"""The claims of a layer, apart from the layer itself: it may live in another process."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nodecheck.numerics.tableau import ButcherTableau


class Claims(Protocol):
    """The name and the claims of a layer; see `nodecheck.TorchLayer`."""

    @property
    def name(self) -> str:
        """Unique name in reports."""

    @property
    def order(self) -> int | None:
        """Claimed order; None: measure it."""

    @property
    def adjoint(self) -> Any:
        """Claimed kind of adjoint: "continuous", "discrete", or None."""

    @property
    def memory(self) -> str | None:
        """Claimed growth of memory, or None."""

    @property
    def tableau(self) -> ButcherTableau | str | None:
        """Claimed method, or None."""

    @property
    def output(self) -> str:
        """Kind of its output: "state", "pair" (a state of two tensors) or "log-det"."""

    @property
    def dtype(self) -> str | None:
        """The only dtype it works in; None: float64, and perhaps others."""

    @property
    def supports(self) -> Collection[str]:
        """Names of the promised capabilities."""

    @property
    def resolution(self) -> str:
        """The name of its resolution: "n_steps" or "tol"."""

    @property
    def output_times(self) -> bool:
        """True if the layer returns the states at given output times."""

    @property
    def adaptive(self) -> bool:
        """True if the resolution is a tolerance."""
