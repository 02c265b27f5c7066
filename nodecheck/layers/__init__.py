"""Layers under test."""

from nodecheck.layers.base import Array, Gradients, LayerError, Solution, TorchLayer

__all__ = ["Array", "Gradients", "LayerError", "Solution", "TorchLayer"]
