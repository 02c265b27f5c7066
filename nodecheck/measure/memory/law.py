"""The growth law of footprints, against a claim."""

from __future__ import annotations

from nodecheck.measure.memory.footprints import Footprints
from nodecheck.numerics.constants import DECISIVE_AICC, EPS_FLOAT32
from nodecheck.numerics.growth import SYMBOLS, GrowthFit
from nodecheck.results import Evidence, Inconclusive, Measurement, Metric, Series, at_most
from nodecheck.results.phrases import plural

_PLOT = "Memory"


def judge_law(prints: Footprints, claim: str | None, plot: str = _PLOT) -> Evidence:
    """Return the evidence of footprints for the growth law that is claimed, if any; `plot` names the figure.

    Raises
    ------
    Inconclusive
        If the counts allow several laws, and not all of them give the same answer.
    """
    states = prints.states
    fit = prints.fit(states)
    if claim is None and not fit.decided:
        raise Inconclusive(_undecided(fit, prints))
    facts = {"memory law": _law(fit, prints, states)} | _phases(prints)
    measurement = against_claim(fit, claim)
    if claim is not None and measurement.holds and fit.may_exceed(claim):
        message = f"the counts allow {fit.symbol} and do not decide whether {claim} memory is exceeded"
        raise Inconclusive(message)
    diagnosis = _explain_growth(fit, claim, prints) if claim is not None and not measurement.holds else ""
    return Evidence((measurement,), diagnosis, curves(prints, plot), facts, metrics(prints, fit))


def metrics(prints: Footprints, fit: GrowthFit) -> tuple[Metric, ...]:
    """Return the metrics of a later comparison: states per step if they are linear, and at the end."""
    where = "at the peak" if prints.peak is not None else "saved by autograd"
    last = Metric(f"states {where}, {prints.n[-1]:g} {prints.unit}", prints.states[-1], "states")
    if not fit.decided or fit.law != "linear":
        return (last,)
    return (Metric(f"states per {prints.unit[:-1]} {where}", fit.rate, "states"), last)


def against_claim(fit: GrowthFit, claim: str | None) -> Measurement:
    """Return by how much a law beyond the claim fits better; without a claim, whether one law fits."""
    if claim is None:
        return at_most("growth laws that fit", len(fit.laws), 1)
    return at_most(
        f"AICc by which a law beyond {SYMBOLS[claim]} fits better", fit.beyond(claim), DECISIVE_AICC
    )


def _law(fit: GrowthFit, prints: Footprints, states: tuple[float, ...]) -> str:
    where = "at the peak" if prints.peak is not None else "saved by autograd"
    if fit.decided and fit.law == "linear":
        error = f" ± {fit.rate_error:.1g}" if fit.rate_error > EPS_FLOAT32 * fit.rate else ""
        return f"{fit.symbol}: {plural(f'{fit.rate:.3g}{error}', 'state')} per {prints.unit[:-1]} {where}"
    if fit.decided and fit.law == "constant":
        return f"{fit.symbol}: {plural(f'{max(states):.3g}', 'state')} {where}"
    return f"{fit.symbol}: {states[0]:.3g} to {plural(f'{states[-1]:.3g}', 'state')} {where}"


def _phases(prints: Footprints) -> dict[str, str]:
    """Return the states held in each phase, at the end of the ladder."""
    phases = {
        "saved by autograd": prints.saved,
        "held between the passes": prints.between,
        "at most in forward": prints.forward,
        "at most in backward": prints.backward,
    }
    last = f"{prints.n[-1]:g} {prints.unit}"
    found = [f"{name} {states[-1]:.4g}" for name, states in phases.items() if states is not None]
    return {f"states at {last}": ", ".join(found)}


def _undecided(fit: GrowthFit, prints: Footprints) -> str:
    return f"{fit.symbol} fit the counts alike between {prints.n[0]:g} and {prints.n[-1]:g} {prints.unit}"


def _explain_growth(fit: GrowthFit, claim: str, prints: Footprints) -> str:
    first, last = f"{prints.n[0]:g}", f"{prints.n[-1]:g}"
    seen = {
        "saved by autograd for backward": prints.saved,
        "held between the passes": prints.between,
        "held at most in the forward pass": prints.forward,
        "held at most in the backward pass": prints.backward,
    }
    grown = [
        f"{states[0]:.3g} to {states[-1]:.3g} {name}"
        for name, states in seen.items()
        if states is not None and prints.fit(states).beyond(claim) > DECISIVE_AICC
    ]
    most, *others = grown or ["no phase by itself decides"]
    text = (
        f"Memory: between {first} and {last} {prints.unit} the states grow like {fit.symbol}, {claim} is "
        f"claimed: {most}."
    )
    return f"{text} Also {'; '.join(others)}." if others else text


def curves(prints: Footprints, plot: str = _PLOT) -> tuple[Series, ...]:
    """Return bytes against steps for the report."""
    size = prints.passes[-1].state_bytes
    found = {
        "saved by autograd": prints.saved,
        "between the passes": prints.between,
        "peak of forward": prints.forward,
        "peak of backward": prints.backward,
    }
    return tuple(
        Series(plot, label, prints.n, tuple(size * s for s in states), prints.unit, "bytes", log=True)
        for label, states in found.items()
        if states is not None
    )
