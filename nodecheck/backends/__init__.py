"""Backends: the only code that knows a framework."""
