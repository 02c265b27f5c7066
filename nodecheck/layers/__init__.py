"""Layers under test."""

from nodecheck.layers.attempt import Refusal, attempt
from nodecheck.layers.layer import Adjoint, Array, Gradients, LayerError, Solution, TorchLayer
from nodecheck.layers.under_test import ForwardRun, GradientRun, LayerUnderTest

__all__ = [
    "Adjoint",
    "Array",
    "ForwardRun",
    "GradientRun",
    "Gradients",
    "LayerError",
    "LayerUnderTest",
    "Refusal",
    "Solution",
    "TorchLayer",
    "attempt",
]
