"""What a run is going to do: which checks on which layers, and whether that makes sense."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nodecheck.checks import CHECKS, Check
from nodecheck.layers import TorchLayer
from nodecheck.options.profile import PROFILES, Profile
from nodecheck.problems import Problem
from nodecheck.results import LayerCard

_LARGEST_SEED = 2**63 - 1  # of torch, the pickiest


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Attributes
    ----------
    cards
        The layers, by their claims: a layer itself may live in another process.
    checks
        The checks that were selected, in their order.
    profile, seed
        How thoroughly, and with which random numbers.
    started
        When, in UTC.
    """

    cards: tuple[LayerCard, ...]
    checks: tuple[Check, ...]
    profile: Profile
    seed: int
    started: datetime

    @property
    def size(self) -> int:
        """Number of (layer, check, problem) to go through, at most."""
        return len(self.cards) * sum(len(problems_of(check, self.profile)) for check in self.checks)


def card_of(layer: TorchLayer, target: str = "") -> LayerCard:
    """Return the claims of a layer as a record; `target` is "" for a layer that was passed as an object."""
    tableau = layer.tableau if isinstance(layer.tableau, str | None) else layer.tableau.name
    return LayerCard(
        name=layer.name,
        target=target,
        resolution=layer.resolution,
        order=layer.order,
        adjoint=layer.adjoint,
        memory=layer.memory,
        tableau=tableau,
        expected_failures=dict(layer.expected_failures),
    )


def make_plan(cards: Sequence[LayerCard], *, profile: str, select: str, seed: int) -> Plan:
    """Return the plan of a run.

    Raises
    ------
    ValueError
        If the profile does not exist, nothing is selected, two layers share a name, a layer expects a check
        to fail that does not exist, or no generator of random numbers takes the seed.
    """
    if not 0 <= seed <= _LARGEST_SEED:
        message = f"seed must be a whole number from 0 to {_LARGEST_SEED}, got {seed}; 0 is the usual one"
        raise ValueError(message)
    _require_different_names(cards)
    _require_known_expectations(cards)
    if profile not in PROFILES:
        message = f"profile must be one of {', '.join(PROFILES)}, got {profile!r}; ci is the usual one"
        raise ValueError(message)
    return Plan(tuple(cards), selected(select), PROFILES[profile], seed, datetime.now(UTC))


def selected(pattern: str) -> tuple[Check, ...]:
    """Return the checks whose id matches a shell pattern, always with the passes that they need."""
    chosen = [check for check in CHECKS if fnmatch.fnmatchcase(check.id, pattern)]
    if not chosen:
        message = (
            f"--select must match the id of a check, got {pattern!r}; `nodecheck list checks` names them"
        )
        raise ValueError(message)
    needed = {id_ for check in chosen for id_ in preconditions(check)}
    return tuple(check for check in CHECKS if check in chosen or check.id in needed)


def preconditions(check: Check) -> tuple[str, ...]:
    """Return the ids of the checks without which this one means nothing, the first of them first."""
    if not check.needs:
        return ()
    (needed,) = (other for other in CHECKS if other.id == check.needs)
    return (*preconditions(needed), needed.id)


def problems_of(check: Check, profile: Profile) -> tuple[Problem | None, ...]:
    """Return the problems a check runs on in a profile; (None,) for a check that brings its own."""
    most = None if profile.name == "full" else check.most
    return check.problems[: profile.problems][:most] or (None,)


def _require_different_names(cards: Sequence[LayerCard]) -> None:
    names = [card.name for card in cards]
    for name in names:
        if names.count(name) > 1:
            message = f"layers need different names, got {name!r} twice; results are filed by name"
            raise ValueError(message)


def _require_known_expectations(cards: Sequence[LayerCard]) -> None:
    known = {check.id for check in CHECKS}
    for card in cards:
        for check_id in card.expected_failures:
            if check_id not in known:
                message = (
                    f"expected_failures of {card.name!r} must be ids of checks, got {check_id!r}; "
                    f"`nodecheck list checks` names them"
                )
                raise ValueError(message)
