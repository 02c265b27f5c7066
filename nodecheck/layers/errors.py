"""Errors that nodecheck itself raises while a layer runs; none of them is the layer's own."""

from nodecheck.results import Inconclusive


class LayerError(Exception):
    """The layer did something that no layer may do; the message says what, and what to do."""


class CallError(TypeError):
    """The dynamics was not called as ``dynamics(t, y)``; the message says how it was, and what to do."""


class InstrumentError(Inconclusive):
    """An instrument cannot follow a layer that runs without it; the message says which, and the error."""


class RunawayError(RuntimeError):
    """The dynamics was called more often than the limit of the solve allows."""
