"""The one seam: through a backend goes everything that a layer is asked to do."""

from __future__ import annotations

import importlib
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from nodecheck.layers.attempt import Refusal

if TYPE_CHECKING:
    from nodecheck.layers.layer import TorchLayer
    from nodecheck.layers.solution import Array, Solution
    from nodecheck.layers.solve import Solve
    from nodecheck.layers.trial import Trial
    from nodecheck.numerics.tableau import ButcherTableau

# Where the backends are, by the name that a kind of layer gives; another framework is one more line.
_HOMES = {"torch": "nodecheck.backends.torch.backend"}


class Backend(Hashable, Protocol):
    """A framework: it carries out solves, and nothing else in nodecheck knows it.

    Attributes
    ----------
    capabilities
        Names of the variations that it can carry out, and of its instruments.
    """

    capabilities: frozenset[str]

    def solve(
        self,
        layer: Any,
        solve: Solve,
        cotangents: Sequence[Array] = (),
        *,
        instruments: Sequence[str] = (),
    ) -> Solution:
        """Build the layer anew, use it as `solve` says, and return records of NumPy arrays.

        Each cotangent has a forward pass of its own, which the backward pass follows at once.

        Parameters
        ----------
        cotangents
            Cotangents of y1; without any there is no backward pass.
        instruments
            Instruments that are read meanwhile: "changes" (of inputs and settings); or, of a layer that is
            used without copies of its output, "saved", "live", "arrays", "seconds", "leaks" (see `Readings`),
            "products" alone, and "build" to build the layer and not to use it.

        Raises
        ------
        LayerError
            If the layer returns anything but a tensor of the shape of y0.
        """

    def trial(self, layer: Any, solve: Solve) -> Trial:
        """Return any output for y0, an error too: for the diagnosis of a wrong `build`."""

    def own_layer(self, tableau: ButcherTableau, adjoint: Any) -> TorchLayer:
        """Return nodecheck's own layer with a Runge-Kutta method, as a control."""

    def isolated(self, seed: int) -> AbstractContextManager[None]:
        """Return a context that seeds the framework, and restores its global state at the end."""

    def out_of_memory(self, refusal: Refusal) -> bool:
        """Return True if an error says that memory ran out."""


def backend_of(layer: Any) -> Backend:
    """Return the backend of a layer; its framework is imported now."""
    backend: Backend = importlib.import_module(_HOMES[layer.backend]).BACKEND
    return backend
