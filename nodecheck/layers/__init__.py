"""Layers under test."""

from nodecheck.layers.arrangements import ARRANGEMENTS, Arrangement
from nodecheck.layers.base import (
    Adjoint,
    Array,
    Gradients,
    LayerError,
    Solution,
    TorchLayer,
)
from nodecheck.layers.reuse import Passed, overlap, use_again, with_uninvolved
from nodecheck.layers.under_test import ForwardRun, GradientRun, LayerUnderTest
from nodecheck.layers.uses import PLAIN, USES, Answer, Use

__all__ = [
    "ARRANGEMENTS",
    "PLAIN",
    "USES",
    "Adjoint",
    "Answer",
    "Arrangement",
    "Array",
    "ForwardRun",
    "GradientRun",
    "Gradients",
    "LayerError",
    "LayerUnderTest",
    "Passed",
    "Solution",
    "TorchLayer",
    "Use",
    "overlap",
    "use_again",
    "with_uninvolved",
]
