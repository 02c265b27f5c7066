"""Mutants: layers that are wrong on purpose, each with the checks that must fail it.

A check that fails no mutant has not been tested.  A failure mode whose mutant no check fails is a gap.
"""

from nodecheck.layers import TorchLayer
from nodecheck.mutants.adaptive import ADAPTIVE
from nodecheck.mutants.adaptive_families import (
    AdaptiveAdjoint,
    AdaptiveBackprop,
    AdjointRelativeAndAbsolute,
    RelativeAndAbsolute,
)
from nodecheck.mutants.adjoint_equation import ADJOINT_EQUATION
from nodecheck.mutants.backward_time import BACKWARD_TIME
from nodecheck.mutants.complex_state import COMPLEX_STATE
from nodecheck.mutants.contract import CONTRACT
from nodecheck.mutants.families import (
    AdjointEuler,
    AdjointRK4,
    BackpropBogackiShampine,
    BackpropEuler,
    BackpropRK4,
)
from nodecheck.mutants.forward import FORWARD
from nodecheck.mutants.gradient import GRADIENT
from nodecheck.mutants.log_det import LOG_DET
from nodecheck.mutants.log_det_families import AdjointFixedNoise, AdjointLogDet, ExactTrace, FixedNoise
from nodecheck.mutants.mechanics import MECHANICS
from nodecheck.mutants.mechanics_families import (
    KickDriftByHand,
    Leapfrog,
    NystroemMidpoint,
    SymplecticEuler,
)
from nodecheck.mutants.member_families import MemberAdaptive, MemberAdjoint, MemberOutputs, MemberSteps
from nodecheck.mutants.members import MEMBERS
from nodecheck.mutants.memory import MEMORY
from nodecheck.mutants.modules import MODULES, AutocastAdjointRK4
from nodecheck.mutants.mutant import Mutant, as_layer
from nodecheck.mutants.output_families import AdjointAtOutputs, AtSteps, Interpolated
from nodecheck.mutants.outputs import OUTPUTS
from nodecheck.mutants.pair_families import PairAdaptive, PairAdjoint, PairBackprop
from nodecheck.mutants.pairs import PAIRS
from nodecheck.mutants.ranges import RANGES
from nodecheck.mutants.returned import RETURNED
from nodecheck.mutants.second_order import SECOND_ORDER, TwiceAdjointRK4
from nodecheck.mutants.time_families import AdjointWithTimes, TimedSteps
from nodecheck.mutants.times import TIMES
from nodecheck.mutants.tolerances import TOLERANCES
from nodecheck.mutants.transforms import TRANSFORMS, CompiledRK4
from nodecheck.mutants.uninvolved import UNINVOLVED
from nodecheck.mutants.uses import USES

MUTANTS: tuple[Mutant, ...] = (
    *FORWARD,
    *GRADIENT,
    *ADJOINT_EQUATION,
    *BACKWARD_TIME,
    *CONTRACT,
    *UNINVOLVED,
    *USES,
    *RETURNED,
    *MODULES,
    *RANGES,
    *ADAPTIVE,
    *TOLERANCES,
    *MEMORY,
    *OUTPUTS,
    *TIMES,
    *MEMBERS,
    *SECOND_ORDER,
    *LOG_DET,
    *PAIRS,
    *TRANSFORMS,
    *MECHANICS,
    *COMPLEX_STATE,
)

ORIGINALS: tuple[TorchLayer, ...] = tuple(
    as_layer(family, claims=family)
    for family in (
        BackpropEuler,
        BackpropBogackiShampine,
        BackpropRK4,
        AdjointEuler,
        AdjointRK4,
        AutocastAdjointRK4,
        AdaptiveBackprop,
        AdaptiveAdjoint,
        RelativeAndAbsolute,
        AdjointRelativeAndAbsolute,
        AtSteps,
        Interpolated,
        AdjointAtOutputs,
        TimedSteps,
        AdjointWithTimes,
        MemberSteps,
        MemberAdaptive,
        MemberOutputs,
        MemberAdjoint,
        TwiceAdjointRK4,
        ExactTrace,
        FixedNoise,
        AdjointLogDet,
        AdjointFixedNoise,
        PairBackprop,
        PairAdaptive,
        PairAdjoint,
        SymplecticEuler,
        Leapfrog,
        NystroemMidpoint,
        KickDriftByHand,
        CompiledRK4,
    )
)

LAYERS: tuple[TorchLayer, ...] = tuple(mutant.layer for mutant in MUTANTS)

__all__ = ["LAYERS", "MUTANTS", "ORIGINALS", "Mutant"]
