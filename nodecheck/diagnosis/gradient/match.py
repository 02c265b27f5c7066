"""Candidates for the cause of a wrong gradient, and the match: those that explain it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nodecheck.diagnosis.gradient.observation import Levels


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A prediction of the gradients, with the words for it.

    Attributes
    ----------
    phrase
        Says in the infinitive what the gradients then do: "match X", "be zero".
    levels
        Predicted gradients at both levels.
    freedom
        Count of the numbers that the candidate takes from the observation itself; of those that do as well
        as each other, the one of least freedom is the better explanation.
    coarse_weights
        Weights that bring the coarse differences of some groups to the scale of the fine ones: a factor of
        1/h makes the discretisation error grow by 1/h too.
    """

    phrase: str
    levels: Levels
    freedom: int = 0
    coarse_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Match:
    """The candidates that explain some groups, which this measurement cannot separate, and the next best.

    Attributes
    ----------
    groups
        Names of the groups that are explained.
    candidates
        Candidates that explain them.
    residual
        Relative difference that the best of them leaves.
    null
        Relative difference to the exact gradient.
    runner_up, runner_up_residual
        Next best candidate and its relative difference; None and infinity if none comes near.
    """

    groups: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    residual: float
    null: float
    runner_up: Candidate | None
    runner_up_residual: float

    @property
    def phrases(self) -> tuple[str, ...]:
        """Phrases of the candidates."""
        return tuple(candidate.phrase for candidate in self.candidates)
