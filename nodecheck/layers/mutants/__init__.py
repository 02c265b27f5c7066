"""Mutants: layers that are wrong on purpose, each with the checks that must see it.

A check that no mutant fails has shown nothing; a failure mode that no check sees is a gap.
"""

from nodecheck.layers.base import TorchLayer
from nodecheck.layers.mutants.adaptive import ADAPTIVE
from nodecheck.layers.mutants.adaptive_families import AdaptiveAdjoint, AdaptiveBackprop
from nodecheck.layers.mutants.backward_time import BACKWARD_TIME
from nodecheck.layers.mutants.contract import CONTRACT
from nodecheck.layers.mutants.families import (
    AdjointEuler,
    AdjointRK4,
    BackpropBogackiShampine,
    BackpropEuler,
    BackpropRK4,
)
from nodecheck.layers.mutants.forward import FORWARD
from nodecheck.layers.mutants.gradient import GRADIENT
from nodecheck.layers.mutants.memory import MEMORY
from nodecheck.layers.mutants.modules import MODULES
from nodecheck.layers.mutants.mutant import Mutant, as_layer
from nodecheck.layers.mutants.ranges import RANGES
from nodecheck.layers.mutants.uninvolved import UNINVOLVED
from nodecheck.layers.mutants.uses import USES

MUTANTS: tuple[Mutant, ...] = (
    *FORWARD,
    *GRADIENT,
    *BACKWARD_TIME,
    *CONTRACT,
    *UNINVOLVED,
    *USES,
    *MODULES,
    *RANGES,
    *ADAPTIVE,
    *MEMORY,
)

ORIGINALS: tuple[TorchLayer, ...] = tuple(
    as_layer(family, claims=family)
    for family in (
        BackpropEuler,
        BackpropBogackiShampine,
        BackpropRK4,
        AdjointEuler,
        AdjointRK4,
        AdaptiveBackprop,
        AdaptiveAdjoint,
    )
)

LAYERS: tuple[TorchLayer, ...] = tuple(mutant.layer for mutant in MUTANTS)

__all__ = ["LAYERS", "MUTANTS", "ORIGINALS", "Mutant"]
