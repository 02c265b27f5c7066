"""Instruments: what a layer does while it runs."""

from nodecheck.instruments.trace import Call, Dynamics, Trace

__all__ = ["Call", "Dynamics", "Trace"]
