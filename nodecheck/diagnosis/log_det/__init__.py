"""Causes of a wrong log-determinant, and of its wrong gradient."""
