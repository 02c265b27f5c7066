"""Which scripts are tried for a failed check, in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from nodecheck.numerics.constants import SCRIPT_ODD_STEPS, SCRIPT_OTHER_INTERVALS, SCRIPT_OTHER_STEPS
from nodecheck.reproduce.kinds import accuracy, identities, modules, others, same
from nodecheck.reproduce.kinds.kind import Kind
from nodecheck.reproduce.setting import LARGEST, Setting
from nodecheck.reproduce.source import LayerSource
from nodecheck.results import LayerCard, Outcome, Result

_FORWARD = (identities.FINAL_STATE, accuracy.STATE)
_GRADIENT = (accuracy.GRADIENT, others.OWN_DERIVATIVE, identities.GRADIENT, others.MISSING)
_KINDS: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {
        "forward-pass": (others.NOT_FINITE,),
        "backward-pass": (others.MISSING, others.NOT_FINITE),
        "determinism": (same.AGAIN, same.GRADIENT_AGAIN),
        "nothing-mutated": (same.INPUT, same.DATA, same.PARAMETERS, same.RANDOM, modules.FROZEN_STAYS),
        "interleaved-calls": (same.OVERLAPPING, same.OVERLAPPING_OF_ONE),
        "repeated-use": (same.TRAINED, same.TRAINED_GRADIENT, same.TRAINED_NO_GRAD),
        "float32-state": (modules.FLOAT32,),
        "not-a-number": (others.HIDES_NAN, others.HIDES_NAN_BACKWARDS),
        "constant-field": _FORWARD,
        "evaluation-times": (identities.TIMES,),
        "polynomial-field": _FORWARD,
        "forward-order": (accuracy.STATE, identities.FINAL_STATE),
        "time-precision": _FORWARD,
        "solve-ivp-agreement": (accuracy.STATE, identities.FINAL_STATE),
        "forward-tolerance": (accuracy.STATE, identities.FINAL_STATE),
        "power-tolerance": _FORWARD,
        "sudden-change": (accuracy.STATE,),
        "long-interval": (accuracy.STATE,),
        "output-times": (identities.OUTPUTS, accuracy.STATES),
        "output-states": (accuracy.STATES,),
        "constant-divergence": (accuracy.LOG_DETERMINANT,),
        "log-determinant": (accuracy.LOG_DETERMINANT,),
        "batch-independence": (same.ALONE, same.GRADIENT_ALONE),
        "gradient-completeness": (others.MISSING,),
        "constant-field-gradient": (identities.GRADIENT, accuracy.GRADIENT),
        "gradient-order": _GRADIENT,
        "gradient-tolerance": _GRADIENT,
        "gradient-class": (others.OWN_DERIVATIVE, *_GRADIENT),
        "finite-differences": (others.OWN_DERIVATIVE, *_GRADIENT),
        "backprop-agreement": (others.OWN_DERIVATIVE, *_GRADIENT),
        "cotangent-linearity": (same.LINEAR, same.SMALL, same.LARGE),
        "output-gradients": (accuracy.GRADIENT_OF_STATES,),
        "time-gradients": (accuracy.TIME_GRADIENT,),
        "member-times": (modules.MEMBER_TIMES,),
        "second-derivatives": (accuracy.SECOND_DERIVATIVE,),
        "log-det-gradient": (accuracy.GRADIENT_OF_LOG_DET,),
        "uninvolved-parameters": (
            modules.FROZEN,
            modules.FROZEN_WITHOUT,
            modules.UNUSED,
            modules.UNUSED_BEFORE,
        ),
        "other-uses": (
            modules.DATA_GRADIENT,
            same.COMPUTED_STATE,
            same.SECOND_BACKWARD,
            same.NO_GRAD,
            same.IN_PLACE,
            same.KEPT,
        ),
        "function-transforms": (same.VMAP, same.FORWARD_MODE),
        "other-sizes": (accuracy.STATE, accuracy.GRADIENT),
        "other-modules": (modules.TIED, modules.NESTED),
        "computed-parameters": (modules.COMPUTED,),
        "other-units": (modules.UNITS,),
        "memory-law": (others.MEMORY,),
        "memory-leak": (others.LEAK,),
    }
)
# Checks of layers on a device, of the adapter, and of what only the memory of a process shows.
WITHOUT_SCRIPT = (
    "adapter",
    "both-tolerances",
    "complex-state",
    "hidden-memory",
    "gradient-cost",
    "device-placement",
    "device-waits",
    "device-autocast",
    "device-uses",
)


def attempts(result: Result, card: LayerCard, source: LayerSource) -> Iterator[tuple[Kind, Setting]]:
    """Yield the scripts to try for a result: kinds with their settings, the most telling first."""
    if result.check in WITHOUT_SCRIPT:
        return
    kinds = _KINDS.get(result.check, ())
    if result.outcome is Outcome.ERROR:
        kinds = (others.RAISES, *kinds)
    basis = _basis(result, card, source)
    for kind in kinds:
        yield from ((kind, setting) for setting in _settings(kind, basis, result))


def _basis(result: Result, card: LayerCard, source: LayerSource) -> Setting:
    """Return the setting of a script before its kind is known."""
    setting = Setting(
        state=LARGEST + LARGEST % source.fewest if source.output != "pair" else LARGEST,
        order=card.order or 1,
        wrt=_groups(result),
        dtype=card.dtype,
    )
    if "reversed" in result.problem:
        setting = replace(setting, t0=setting.t1, t1=setting.t0)
    return setting


def _groups(result: Result) -> tuple[str, ...]:
    """Return the groups whose gradient is looked at: those of the violated measurements."""
    names = [m.name for m in result.violated if "∂L/∂" in m.name]
    of_state = ["∂L/∂y0" in name for name in names]
    if names and all(of_state):
        return ("y0",)
    if names and not any(of_state):
        return ("A",)
    return ("y0", "A")


def _settings(kind: Kind, basis: Setting, result: Result) -> Iterator[Setting]:
    """Yield the settings of a kind: powers of t below the order, one group of gradients, an odd grid."""
    if kind is identities.FINAL_STATE:
        yield from (replace(basis, power=k) for k in _powers(result, basis))
        yield from (replace(basis, steps=n) for n in SCRIPT_OTHER_STEPS)
        yield from (replace(basis, t0=t0, t1=t1) for t0, t1 in SCRIPT_OTHER_INTERVALS)
        return
    if kind is accuracy.STATE and result.check == "long-interval":
        yield replace(basis, t1=basis.t0 + 20 * (basis.t1 - basis.t0))
        return
    if kind is modules.UNITS:
        yield replace(basis, linear=True)
        return
    if result.check == "other-sizes":
        yield replace(basis, batch=1)
        return
    groups = [(name,) for name in basis.wrt] if len(basis.wrt) > 1 else []
    of_gradients = kind in _ONE_GROUP
    for wrt in (basis.wrt, *(groups if of_gradients else ())):
        yield replace(basis, wrt=wrt)
        if "odd" in " ".join(m.name for m in result.violated):
            yield replace(basis, wrt=wrt, steps=SCRIPT_ODD_STEPS)


def _powers(result: Result, basis: Setting) -> list[int]:
    """Return the exponents k of t^k to try: those of the violated measurements, the worst first."""
    worst = sorted(result.violated, key=lambda m: m.value, reverse=True)
    found = [int(k) for m in worst for k in _POWER.findall(m.name)]
    return found or list(range(1 if result.check == "constant-field" else basis.order))


_POWER = re.compile(r"t\^(\d+)")
_ONE_GROUP = (
    accuracy.GRADIENT,
    accuracy.GRADIENT_OF_STATES,
    accuracy.SECOND_DERIVATIVE,
    accuracy.GRADIENT_OF_LOG_DET,
    others.OWN_DERIVATIVE,
    others.MISSING,
)
