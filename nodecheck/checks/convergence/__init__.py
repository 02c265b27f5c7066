"""Checks of the order of convergence."""
