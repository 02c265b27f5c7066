"""The memory promise: how what a layer holds grows with the number of steps."""

from __future__ import annotations

from dataclasses import replace

from nodecheck.checks.check import check
from nodecheck.layers import LayerUnderTest
from nodecheck.measure.memory.footprints import footprints
from nodecheck.measure.memory.law import against_claim, judge_law
from nodecheck.measure.memory.outputs import judge_outputs, states_per_output
from nodecheck.numerics.constants import FLOOR_IN_STATES, OUTPUT_MEMORY_STEPS
from nodecheck.results import Evidence, Skip, at_most
from nodecheck.results.phrases import plural

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

    The law is that of steps, with the state at t1 alone.  A layer of fixed steps with output times is then
    asked for more outputs at the same steps.  Each has to be returned, and is a state; a few more may be
    kept for it.  But what an output costs must not grow with the number of steps, as where each is solved for
    from t0, or where the steps before each are kept.
    """
    # Between O(1) and O(n) what autograd saves is a handful of states: only the peak tells these laws apart.
    intermediate = layer.claims.memory in ("log", "sqrt")
    live = intermediate or layer.profile.name != "smoke"
    found = judge_law(footprints(layer, live=live), layer.claims.memory)
    return _with_outputs(layer, found, live=live) if layer.claims.output_times else found


def _with_outputs(layer: LayerUnderTest, found: Evidence, *, live: bool) -> Evidence:
    """Return the evidence with the states that an output costs; of adaptive layers steps are not chosen."""
    if layer.adaptive:
        return found
    few, many = states_per_output(layer, live=live)
    where = "kept between the passes" if live else "saved by autograd"
    seen = f"{few:.2g} at {OUTPUT_MEMORY_STEPS[0]} steps, {many:.2g} at {OUTPUT_MEMORY_STEPS[1]}, {where}"
    facts = {**found.facts, "states per output": seen}
    if layer.claims.memory is None:
        return replace(found, facts=facts)
    measurement = judge_outputs(layer.claims.memory, few, many)
    words = "" if measurement.holds else f"The states that each output costs grow with the steps: {seen}."
    return replace(
        found,
        measurements=(*found.measurements, measurement),
        diagnosis=f"{found.diagnosis}  {words}".strip(),
        facts=facts,
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
        f"{fit.symbol} {where}: {hidden[0]:.3g} to {plural(f'{hidden[-1]:.3g}', 'state')} "
        f"from {prints.n[0]:g} to {prints.n[-1]:g} {prints.unit}"
    )
    # Without a claim nothing can be exceeded: no law grows faster than linear.
    measurement = against_claim(fit, claim or "linear")
    diagnosis = "" if measurement.holds else f"Hidden from autograd's hooks, {found}; {claim} is claimed."
    return Evidence((measurement,), diagnosis, facts={"hidden memory": found})
