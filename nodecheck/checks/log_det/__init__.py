"""Checks of layers that return the log-determinant of their flow beside the state."""
