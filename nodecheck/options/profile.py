"""The profiles smoke, ci and full: the size of a run."""

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
        Levels of a refinement ladder: n_steps = start, 2 start, 4 start, ...  From order three on there is
        one less, because errors shrink faster.
    cotangents
        Number of random cotangents in an RMS of gradient errors.
    decades
        Length of the tolerance sweep of an adaptive layer, from 1e-3 downwards.
    examples
        Number of problems that Hypothesis draws for a property.
    problems
        Largest number of problems of a check; the first ones are used.
    seconds
        Time limit of one check on one problem, in seconds.
    evaluations
        Evaluations of the field.  A tolerance sweep ends after the first tolerance that costs more.
    memory_evaluations
        Evaluations of the field.  The ladder of a memory measurement ends before a pass that costs more.
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


# Five cotangents: with fewer, the RMS comes close to zero often enough to bend a fitted slope.
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

# A profile includes the checks of all profiles of lower rank.
RANKS = {"smoke": 0, "ci": 1, "full": 2}

PROFILES = {profile.name: profile for profile in (SMOKE, CI, FULL)}
