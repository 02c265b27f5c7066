"""Instruments: what a layer does while it runs."""

from nodecheck.instruments.arrays import numpy_bytes
from nodecheck.instruments.live import LiveBytes, live_bytes
from nodecheck.instruments.products import Products
from nodecheck.instruments.saved import SavedBytes, hooks_refused
from nodecheck.instruments.trace import Call, CallError, Dynamics, RunawayError, Trace

__all__ = [
    "Call",
    "CallError",
    "Dynamics",
    "LiveBytes",
    "Products",
    "RunawayError",
    "SavedBytes",
    "Trace",
    "hooks_refused",
    "live_bytes",
    "numpy_bytes",
]
