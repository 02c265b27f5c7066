"""Layers under test."""

from nodecheck.layers.base import (
    Adjoint,
    Array,
    Gradients,
    LayerError,
    Solution,
    TorchLayer,
    overlap,
    use_again,
    with_uninvolved,
)
from nodecheck.layers.under_test import ForwardRun, GradientRun, LayerUnderTest

__all__ = [
    "Adjoint",
    "Array",
    "ForwardRun",
    "GradientRun",
    "Gradients",
    "LayerError",
    "LayerUnderTest",
    "Solution",
    "TorchLayer",
    "overlap",
    "use_again",
    "with_uninvolved",
]
