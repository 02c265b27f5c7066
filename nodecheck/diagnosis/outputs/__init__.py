"""Causes of wrong states at output times, and of wrong gradients through them."""
