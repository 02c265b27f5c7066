"""The two tolerances of an adaptive layer, apart from each other."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.numerics.constants import (
    LOOSE_AND_TIGHT,
    MOST_WORK_IN_OTHER_UNITS,
    NEGLIGIBLE_TOLERANCE,
)
from nodecheck.results import Evidence, Inconclusive, Measurement, at_least, at_most
from nodecheck.variations.tolerances import UNITS, Work, effect, work_in_units

_TIGHTENED = f"tightened from {LOOSE_AND_TIGHT[0]:g} to {LOOSE_AND_TIGHT[1]:g}"


@check(
    title="Both tolerances, rtol and atol, are used as such",
    failure_title="One of the tolerances rtol and atol is ignored, or used as the other",
    theme="Forward",
    kind="identity",
    requires=frozenset({"both-tolerances"}),
    needs="backward-pass",
    profile="ci",
    cite="Hairer, Nørsett & Wanner (1993), sec. II.4: the error is at most atol + rtol |y|",
)
def both_tolerances(layer: LayerUnderTest) -> Evidence:
    """Measure the state in other units, and the absolute tolerance with it: the steps must be the same.

    An error may be as large as atol + rtol |y|.  If y and atol are a million times as large, or as small, so
    is all of that, and a right layer evaluates the field as often as before, in both passes: no accuracy is
    asked for.  A layer that exchanges the two tolerances, uses one for both, adds them without |y|, or has
    one of its own, takes other steps.  Then each tolerance is tightened while the other is negligible: that
    must change y1.

    Usual causes.  Arguments are passed by position in the wrong order: SciPy has rtol first, others atol.
    Or the backward pass gets them in another order, or the defaults of its library.

    Remedies.  Pass `rtol=rtol, atol=atol` by name, and the same two for the backward pass.
    """
    if layer.returns_log_det:
        message = "the log-determinant, which may be in the error norm, has no units"
        raise Inconclusive(message)
    usual = work_in_units(layer, 1.0)
    found = [work_in_units(layer, unit) for unit in UNITS]
    measurements = (
        *(_same_work(unit, work, usual) for unit, work in zip(UNITS, found, strict=True)),
        *(_takes_effect(layer, name) for name in ("rtol", "atol")),
    )
    wrong = not all(m.holds for m in measurements)
    return Evidence(measurements, _explain(layer, usual, found, measurements) if wrong else "")


def _same_work(unit: float, work: Work, usual: Work) -> Measurement:
    name = f"factor of evaluations for state and atol {unit:.3g} times as large"
    return at_most(name, work.change(usual), MOST_WORK_IN_OTHER_UNITS)


def _takes_effect(layer: LayerUnderTest, name: str) -> Measurement:
    """Return the change of y1 where one tolerance is tightened, and the other is negligible."""
    loose, tight = (_beside_negligible(name, tol) for tol in LOOSE_AND_TIGHT)
    return at_least(
        f"change of y1 where {name} is {_TIGHTENED}", effect(layer, loose, tight), 1.0, "roundings"
    )


def _beside_negligible(name: str, tol: float) -> tuple[float, float]:
    return (tol, NEGLIGIBLE_TOLERANCE) if name == "rtol" else (NEGLIGIBLE_TOLERANCE, tol)


def _explain(
    layer: LayerUnderTest, usual: Work, found: list[Work], measurements: tuple[Measurement, ...]
) -> str:
    """Return the mistake in the use of the tolerances that explains the evaluations."""
    same = [m.holds for m in measurements[:2]]
    for name, measurement in zip(("rtol", "atol"), measurements[2:], strict=True):
        if not measurement.holds:
            return (
                f"{name} has no effect: expected another y1 where it is {_TIGHTENED}, and the other "
                f"tolerance is {NEGLIGIBLE_TOLERANCE:g}, got the same steps and the same y1.  Pass both by "
                f"name."
            )
    where = _pass_of(usual, found)
    if all(_exchanged_scales(layer, where)):
        return (
            f"rtol and atol are exchanged in the {where} pass: with rtol in the units of the state, and atol "
            f"without, evaluations are the same in other units.  Pass both by name."
        )
    counts = ", ".join(str(getattr(work, where)) for work in (usual, *found))
    unit = UNITS[same.index(False)]
    return (
        f"The tolerance of the {where} pass is not atol + rtol |y|: expected as many evaluations where state "
        f"and atol are {unit:.3g} times as large, got {counts} as usual, for large and for small units.  "
        f"Compare the error with atol + rtol |y|, and pass both tolerances to both passes."
    )


def _pass_of(usual: Work, found: list[Work]) -> str:
    """Return the pass whose work changes: the forward pass if it does, for the backward one follows it."""
    forward = [Work(work.forward, 0).change(Work(usual.forward, 0)) for work in found]
    return "forward" if max(forward) > MOST_WORK_IN_OTHER_UNITS else "backward"


def _exchanged_scales(layer: LayerUnderTest, where: str) -> list[bool]:
    """Return for each unit whether the work of a pass is as usual if the tolerances are exchanged."""
    usual, *others = (getattr(work_in_units(layer, u, exchanged=True), where) for u in (1.0, *UNITS))
    return [Work(other, 0).change(Work(usual, 0)) <= MOST_WORK_IN_OTHER_UNITS for other in others]
