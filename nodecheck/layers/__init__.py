"""Layers under test."""

from nodecheck.layers.base import (
    Adjoint,
    Array,
    Gradients,
    LayerError,
    Solution,
    TorchLayer,
)
from nodecheck.layers.reuse import overlap, use_again, with_uninvolved
from nodecheck.layers.under_test import ForwardRun, GradientRun, LayerUnderTest
from nodecheck.layers.uses import PLAIN, USES, Answer, Use

__all__ = [
    "PLAIN",
    "USES",
    "Adjoint",
    "Answer",
    "Array",
    "ForwardRun",
    "GradientRun",
    "Gradients",
    "LayerError",
    "LayerUnderTest",
    "Solution",
    "TorchLayer",
    "Use",
    "overlap",
    "use_again",
    "with_uninvolved",
]
