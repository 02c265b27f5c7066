"""Causes of a wrong final state."""
