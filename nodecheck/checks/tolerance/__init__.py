"""Checks of adaptive layers."""
