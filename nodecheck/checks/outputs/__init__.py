"""Checks of layers that return the states at given output times."""
