"""A layer in a child process, behind the same seam as one in this process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from nodecheck.layers import Array, LayerUnderTest, Refusal, Solution, Solve, backend_of
from nodecheck.results import Inconclusive, LayerCard
from nodecheck.runner.measure import Raised, raised_by
from nodecheck.runner.time_limit import time_limit

if TYPE_CHECKING:
    from nodecheck.layers import TorchLayer
    from nodecheck.runner.isolation import Child

_T = TypeVar("_T")


class LayerLost(Exception):
    """A layer raised, or took its process with it; the message says which.

    Attributes
    ----------
    where
        The innermost line of the layer's own code, as a sentence; "" if it is not known.
    """

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(reason)
        self.where = where


class RemoteBackend:
    """Carries out the solves of one layer in a child process.

    Parameters
    ----------
    child
        The process.
    card
        The layer.
    seconds
        Time limit of one solve.
    """

    capabilities = frozenset({"saved", "live", "arrays", "products", "build"})

    def __init__(self, child: Child, card: LayerCard, seconds: float) -> None:
        self._child, self._card, self._seconds = child, card, seconds

    def solve(
        self,
        layer: object,  # noqa: ARG002  (the one that the card names)
        solve: Solve,
        cotangents: Sequence[Array] = (),
        *,
        instruments: Sequence[str] = (),
    ) -> Solution:
        """Return the solution of a solve that is carried out in the child.

        Raises
        ------
        LayerLost
            If the layer raises, or the child is lost.
        Inconclusive
            If an instrument cannot follow the layer.
        """
        from nodecheck.runner.isolation import Lost

        arguments = (self._card.target, self._card.name, solve, tuple(cotangents), tuple(instruments))
        try:
            found = self._child.call(solve_here, *arguments, self._seconds, seconds=self._seconds)
        except Lost as error:
            message = f"the layer {error}"
            raise LayerLost(message) from error
        if isinstance(found, Raised):
            raise Inconclusive(found.reason) if found.undecided else LayerLost(found.reason, found.where)
        return found

    def isolated(self, seed: int) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context that does nothing: the global state of this process is not touched."""
        return nullcontext()

    def out_of_memory(self, refusal: Refusal) -> bool:  # noqa: ARG002
        """Return False: the reason of the refusal says what happened."""
        return False


def solve_here(
    target: str,
    name: str,
    solve: Solve,
    cotangents: Sequence[Array],
    instruments: Sequence[str],
    seconds: float,
) -> Solution | Raised:
    """Carry out a solve in this process, for `RemoteBackend`; errors become plain data."""

    def carry_out(layer: TorchLayer) -> Solution:
        return backend_of(layer).solve(layer, solve, cotangents, instruments=instruments)

    return guarded(target, name, seconds, carry_out)


def use_once_here(
    target: str, name: str, level: int, run: bool, memory_limit: int, seconds: float
) -> tuple[int, int] | Raised:
    """Use a layer once, or only build it, in a process that is there for nothing else; see `use_once`."""
    from nodecheck.measure.memory.process import use_once
    from nodecheck.options.profile import FULL
    from nodecheck.runner.child import limit_memory

    limit_memory(memory_limit)
    return guarded(target, name, seconds, lambda layer: use_once(LayerUnderTest(layer, FULL), level, run=run))


def guarded(target: str, name: str, seconds: float, call: Callable[[TorchLayer], _T]) -> _T | Raised:
    """Return `call(layer)`, or what the layer raised instead."""
    from nodecheck.runner.child import seen_to_exit

    def timed() -> _T:
        layer = _layer(target, name)
        with backend_of(layer).isolated(seed=0), time_limit(seconds):
            return call(layer)

    with seen_to_exit():
        return raised_by(timed)


@functools.lru_cache(maxsize=1)
def _layer(target: str, name: str) -> Any:
    from nodecheck.targets.discovery import load_target

    return next(layer for layer in load_target(target) if layer.name == name)
