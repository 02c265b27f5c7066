"""What a device can do beyond tensors: streams, events, graphs, and waits of the host."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import torch

# What torch says of an operation that makes the host wait, in the mode that warns of it.
_WAITED = "called a synchronizing CUDA operation"
# Cycles for which a stream is kept busy: some fifty milliseconds, a thousand times a kernel of a small state.
_BUSY_CYCLES = 100_000_000
# Runs before a graph is captured: the first ones load kernels and make workspaces (torch.cuda.graphs asks for
# some, and DistributedDataParallel for eleven).
_WARM_UP_RUNS = 3


class Accelerator(Protocol):
    """A device beside the CPU."""

    @property
    def count(self) -> int:
        """Number of such devices."""

    def synchronize(self) -> None:
        """Wait until all is done that was asked for."""

    def waits(self) -> AbstractContextManager[Callable[[], int]]:
        """Return a context that counts how often the host waits for the device."""

    def side_stream(self) -> AbstractContextManager[None]:
        """Return a context in which work goes to a stream of its own, which is busy at first."""

    def capture(self, run: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Return the replay of a captured run, and what that run returned."""

    def mark(self) -> Any:
        """Return a mark in the work of the current stream."""

    def seconds(self, start: Any, end: Any) -> float:
        """Return the seconds of the device between two marks that are behind it."""


class Cuda:
    """The CUDA device of PyTorch."""

    @property
    def count(self) -> int:
        """Number of CUDA devices."""
        return torch.cuda.device_count()

    def synchronize(self) -> None:
        """Wait until all is done that was asked for."""
        torch.cuda.synchronize()

    @contextmanager
    def waits(self) -> Iterator[Callable[[], int]]:
        """Count the warnings of torch; those of a backward pass arrive when it ends."""
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                yield lambda: sum(_WAITED in str(one.message) for one in seen)
            finally:
                torch.cuda.set_sync_debug_mode(before)

    @contextmanager
    def side_stream(self) -> Iterator[None]:
        """Work in a stream of the pool of torch, none of which waits for the default stream by itself."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            torch.cuda._sleep(_BUSY_CYCLES)  # type: ignore[no-untyped-call]
            yield
        torch.cuda.current_stream().wait_stream(stream)

    def capture(self, run: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Capture one run in a graph, as the documentation of CUDA graphs in torch has it."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_RUNS):
                run()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = run()
        return graph.replay, found

    def mark(self) -> torch.cuda.Event:
        """Return an event that is recorded now."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def seconds(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        """Return the seconds between two events."""
        return float(start.elapsed_time(end)) / 1e3


# By the type of a device; a test may put a stand-in here.
ACCELERATORS: dict[str, Callable[[], Accelerator]] = {"cuda": Cuda}


def accelerator_of(device: str, known: Mapping[str, Callable[[], Accelerator]] = ACCELERATORS) -> Accelerator:
    """Return the accelerator of a device.

    Raises
    ------
    ValueError
        If it is none that is known.
    """
    kind = torch.device(device).type
    if kind in known:
        return known[kind]()
    message = f"expected a device among {', '.join(known)}, got {device!r}; the CPU has no streams or graphs"
    raise ValueError(message)
