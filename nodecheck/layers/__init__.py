"""Layers under test, and the seam through which they run: solves and solutions."""

from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.layers.backend import Backend, backend_of
from nodecheck.layers.errors import CallError, InstrumentError, LayerError, RunawayError
from nodecheck.layers.layer import Adjoint, TorchLayer
from nodecheck.layers.mechanics import counterpart, counterparts
from nodecheck.layers.padded_state import is_odd, made_even
from nodecheck.layers.solution import (
    Array,
    Call,
    Gain,
    Gradients,
    Pullback,
    Readings,
    Solution,
    largest_entry,
    times_of,
)
from nodecheck.layers.solve import PLAIN, Solve, Variation
from nodecheck.layers.trial import Part, Trial
from nodecheck.layers.under_test import LayerUnderTest

__all__ = [
    "PLAIN",
    "Adjoint",
    "Array",
    "Backend",
    "Call",
    "CallError",
    "Gain",
    "Gradients",
    "InstrumentError",
    "LayerError",
    "LayerUnderTest",
    "Part",
    "Pullback",
    "Readings",
    "Refusal",
    "RunawayError",
    "Solution",
    "Solve",
    "TorchLayer",
    "Trial",
    "Variation",
    "attempt",
    "backend_of",
    "counterpart",
    "counterparts",
    "is_odd",
    "largest_entry",
    "made_even",
    "times_of",
]
