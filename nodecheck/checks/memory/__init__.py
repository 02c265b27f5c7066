"""Checks of memory and cost."""
