"""Checks on problems that every consistent method solves exactly."""
