"""The memory promise: how what a layer holds grows with the number of steps."""

from __future__ import annotations

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.footprints import Footprints, footprints
from nodecheck.numerics import EPS_FLOAT32
from nodecheck.numerics.growth import DECISIVE, FLOOR_IN_STATES, SYMBOLS, GrowthFit
from nodecheck.results import Evidence, Inconclusive, Measurement, Metric, Series, Skip, at_most

_PLOT = "Memory"
_HOOKS_REFUSED = (
    "torch.func inside the layer refuses saved-tensor hooks, so there is nothing to compare; memory-law "
    "judges what is really held"
)


@check(
    title="Memory grows by no more than the claimed law",
    failure_title="Memory grows faster than the claimed law",
    theme="Memory",
    kind="resource",
    needs="backward-pass",
    cite="Chen et al. (2018), sec. 2, Table 1: O(1) memory; Griewank & Walther (2008), ch. 12",
)
def memory_law(layer: LayerUnderTest) -> Evidence:
    """Count the states a layer holds over a ladder of steps, and fit O(1), O(log n), O(√n) and O(n).

    Counted are all tensors that are alive at the worst moment of forward and backward pass, wherever they
    are kept, and NumPy arrays; the `smoke` profile counts what autograd saves, and no more.  The counts are
    exact, and taken with two state sizes, so that a time grid is no state.  A claimed law is refuted if
    another fits better by ten units of AICc and none that the claim allows comes near it.  Without a claim
    the law is measured and reported.
    """
    # Between O(1) and O(n) what autograd saves is a handful of states: only the peak tells these laws apart.
    intermediate = layer.claims.memory in ("log", "sqrt")
    prints = footprints(layer, live=intermediate or layer.profile.name != "smoke")
    return judge_law(prints, layer.claims.memory)


def judge_law(prints: Footprints, claim: str | None, plot: str = _PLOT) -> Evidence:
    """Return what footprints say about the growth law that is claimed, if any is; `plot` names the figure.

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
    diagnosis = _explain(fit, claim, prints) if claim is not None and not measurement.holds else ""
    return Evidence((measurement,), diagnosis, curves(prints, plot), facts, metrics(prints, fit))


def metrics(prints: Footprints, fit: GrowthFit) -> tuple[Metric, ...]:
    """Return what a later run is compared by: states for each step if they are linear, and at the end."""
    where = "at the peak" if prints.peak is not None else "saved by autograd"
    last = Metric(f"states {where}, {prints.n[-1]:g} {prints.unit}", prints.states[-1], "states")
    if not fit.decided or fit.law != "linear":
        return (last,)
    return (Metric(f"states per {prints.unit[:-1]} {where}", fit.rate, "states"), last)


def against_claim(fit: GrowthFit, claim: str | None) -> Measurement:
    """Return by how much a law beyond the claim fits better; without a claim, whether one law fits."""
    if claim is None:
        return at_most("growth laws that fit", len(fit.laws), 1)
    return at_most(f"AICc by which a law beyond {SYMBOLS[claim]} fits better", fit.beyond(claim), DECISIVE)


def _law(fit: GrowthFit, prints: Footprints, states: tuple[float, ...]) -> str:
    where = "at the peak" if prints.peak is not None else "saved by autograd"
    if fit.decided and fit.law == "linear":
        error = f" ± {fit.rate_error:.1g}" if fit.rate_error > EPS_FLOAT32 * fit.rate else ""
        return f"{fit.symbol}: {fit.rate:.3g}{error} states per {prints.unit[:-1]} {where}"
    if fit.decided and fit.law == "constant":
        return f"{fit.symbol}: {max(states):.3g} states {where}"
    return f"{fit.symbol}: {states[0]:.3g} to {states[-1]:.3g} states {where}"


def _phases(prints: Footprints) -> dict[str, str]:
    """Return what is held in each phase, at the end of the ladder."""
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


def _explain(fit: GrowthFit, claim: str, prints: Footprints) -> str:
    first, last = f"{prints.n[0]:g}", f"{prints.n[-1]:g}"
    seen = {
        "saved by autograd for backward": prints.saved,
        "held between the passes": prints.between,
        "held at most in the forward pass": prints.forward,
        "held at most in the backward pass": prints.backward,
    }
    grown = [
        f"{name} {states[0]:.3g} to {states[-1]:.3g}"
        for name, states in seen.items()
        if states is not None and prints.fit(states).beyond(claim) > DECISIVE
    ]
    return (
        f"From {first} to {last} {prints.unit} the states grow like {fit.symbol}, {claim} is claimed: "
        f"{'; '.join(grown) or 'no phase by itself decides'}."
    )


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


@check(
    title="What autograd does not see stays within the claim",
    failure_title="Memory is hidden from autograd, beyond the claim",
    theme="Memory",
    kind="resource",
    needs="backward-pass",
    profile="ci",
    cite="PyTorch documentation, Hooks for autograd saved tensors; Extending PyTorch: save_for_backward",
)
def hidden_memory(layer: LayerUnderTest) -> Evidence:
    """Compare what autograd saves with what is really held between forward and backward.

    Tensors kept as attributes of ctx, in Python lists or as NumPy copies do not pass the saved-tensor hooks:
    a layer looks constant there while it holds its trajectory.  Hidden memory as such is no failure, but a
    fact; it fails where it grows beyond the claim.
    """
    prints = footprints(layer, live=True)
    if prints.saved is None or prints.between is None:
        raise Skip(_HOOKS_REFUSED)
    hidden = tuple(b - s for b, s in zip(prints.between, prints.saved, strict=True))
    rise, fit, claim = hidden[-1] - hidden[0], prints.fit(hidden), layer.claims.memory
    if rise <= FLOOR_IN_STATES:
        nothing = at_most("hidden states gained over the ladder", rise, FLOOR_IN_STATES, "states")
        return Evidence((nothing,), facts={"hidden memory": "none that grows"})
    where = "in NumPy arrays" if prints.arrays[-1] > FLOOR_IN_STATES else "in tensors"
    found = (
        f"{fit.symbol} {where}: {hidden[0]:.3g} to {hidden[-1]:.3g} states from {prints.n[0]:g} to "
        f"{prints.n[-1]:g} {prints.unit}"
    )
    # Without a claim there is nothing to break: the slowest law that could is beyond all of them.
    measurement = against_claim(fit, claim or "linear")
    diagnosis = "" if measurement.holds else f"Hidden from autograd's hooks, {found}; {claim} is claimed."
    return Evidence((measurement,), diagnosis, facts={"hidden memory": found})
