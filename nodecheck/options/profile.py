"""How thoroughly a layer is examined: smoke, ci or full."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """The size of a run.

    Attributes
    ----------
    name
        "smoke", "ci" or "full".
    levels
        Refinement levels of a ladder: n_steps = start, 2 start, 4 start, ... (one less from order three on,
        where errors shrink faster).
    cotangents
        How many random cotangents an RMS of gradient errors is taken over.
    decades
        Length of the tolerance sweep of an adaptive layer, from 1e-3 down.
    examples
        How many problems Hypothesis draws for a property.
    problems
        How many problems of each check are used at most, the first ones.
    seconds
        Time limit of one check on one problem.
    evaluations
        A tolerance sweep stops after the first tolerance that costs more evaluations of the field than this.
    memory_evaluations
        The ladder of a memory measurement ends before a pass that costs more evaluations than this.
    """

    name: str
    levels: int
    cotangents: int
    decades: int
    examples: int
    problems: int
    seconds: float
    evaluations: int
    memory_evaluations: int


# Five cotangents: fewer make the RMS cross zero often enough to bend a slope (see DESIGN, verdicts).
SMOKE = Profile(
    "smoke",
    levels=4,
    cotangents=5,
    decades=4,
    examples=10,
    problems=1,
    seconds=60,
    evaluations=1_000,
    memory_evaluations=100,
)
CI = Profile(
    "ci",
    levels=5,
    cotangents=5,
    decades=5,
    examples=25,
    problems=3,
    seconds=120,
    evaluations=1_000,
    memory_evaluations=250,
)
FULL = Profile(
    "full",
    levels=7,
    cotangents=10,
    decades=8,
    examples=200,
    problems=99,
    seconds=1200,
    evaluations=40_000,
    memory_evaluations=40_000,
)

PROFILES = {profile.name: profile for profile in (SMOKE, CI, FULL)}
