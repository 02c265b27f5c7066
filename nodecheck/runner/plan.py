"""The plan of a run: the checks, the layers and the profile, after it is known that they fit together."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from nodecheck.checks import ALIASES, CHECKS, Check
from nodecheck.layers import TorchLayer, counterparts
from nodecheck.layers.layer import SECOND_ORDER
from nodecheck.numerics.constants import OWN_FIELDS_TAKE
from nodecheck.options.dtypes import FLOAT64
from nodecheck.options.expectations import translated
from nodecheck.options.layer_names import nearest
from nodecheck.options.profile import PROFILES, RANKS, Profile
from nodecheck.problems import Array, Problem
from nodecheck.results import LayerCard, Outcome, Result
from nodecheck.results.field_card import FieldCard

_LARGEST_SEED = 2**63 - 1  # of torch, whose range is the smallest
# The ids by which a check may be named: current and former ones.
# The check of the lines between nodecheck and a layer, on a problem of nodecheck in every run.
ADAPTER = "adapter"
_NAMES_OF_THE_SUITE = frozenset(p.name for c in CHECKS for p in (*c.problems, *(q for _, q in c.more)))
KNOWN_IDS = frozenset(check.id for check in CHECKS) | frozenset(ALIASES)


@dataclass(frozen=True)
class Plan:
    """The plan of a run.

    Attributes
    ----------
    cards
        The layers, by their claims: a layer itself may live in another process.
    checks
        The selected checks, in their order.
    profile, seed
        Thoroughness, and seed of all random numbers.
    started
        Time at which the run began, in UTC.
    problems
        Problems of the user's own, in place of those of the suite; in the process that runs no layer they
        have their names alone.
    """

    cards: tuple[LayerCard, ...]
    checks: tuple[Check, ...]
    profile: Profile
    seed: int
    started: datetime
    problems: tuple[Problem, ...] = ()

    @property
    def size(self) -> int:
        """The number of results, unless checks are skipped because one that they need fails."""
        return sum(max(self._runs(card, check), 1) for card in self.cards for check in self.checks)

    @property
    def runs(self) -> int:
        """The number of runs, each of one check on one problem of one layer; what is left out is none."""
        return sum(map(self.runs_of, self.cards))

    def runs_of(self, card: LayerCard) -> int:
        """Return the number of runs of one layer."""
        return sum(self._runs(card, check) for check in self.checks)

    def spared(self, result: Result) -> int:
        """Return how many of the runs that are counted will not be made, now that this result is there.

        A check that is skipped while the run goes on has one result, and no run on any problem.
        """
        if result.problem or result.outcome is not Outcome.SKIPPED:
            return 0
        (card,) = (card for card in self.cards if card.name == result.layer)
        (check,) = (check for check in self.checks if check.id == result.check)
        return self._runs(card, check)

    def _runs(self, card: LayerCard, check: Check) -> int:
        if left_out(card, check, self.profile, self.problems):
            return 0
        return len(problems_of(check, self.profile, card.supports, self.problems))


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
        supports=tuple(sorted(layer.supports)),
        output_times=layer.output_times,
        both_tolerances=layer.both_tolerances,
        output=layer.output,
        dtype=layer.dtype or FLOAT64,
    )


def standing_for(card: FieldCard) -> Problem:
    """Return a problem that has the name of a user's own: the process of a layer alone has its field."""
    return Problem(card.name, _elsewhere, np.zeros((1, 1)), 0.0, 1.0, cite=card.target)


def _elsewhere(_t: Array, _y: Array, /) -> Array:
    message = "the field of a user's own is evaluated in the process of the layer alone"
    raise RuntimeError(message)


def make_plan(
    cards: Sequence[LayerCard],
    *,
    profile: str,
    select: str | Sequence[str],
    seed: int,
    seconds: float | None = None,
    problems: Sequence[Problem] = (),
) -> Plan:
    """Return the plan of a run.

    Parameters
    ----------
    cards
        The layers.
    profile
        Name of the profile.
    select
        One or more shell patterns for the ids of checks.
    seed
        Seed of all random numbers.
    seconds
        Time limit of one check; None: that of the profile.
    problems
        Problems of the user's own: then only checks that are asked on such fields are run, and the adapter.

    Raises
    ------
    ValueError
        If the profile does not exist, a pattern selects nothing, two layers share a name, a layer expects a
        check to fail that does not exist, or the seed is out of range.
    """
    if not 0 <= seed <= _LARGEST_SEED:
        message = f"seed must be a whole number from 0 to {_LARGEST_SEED}, got {seed}; 0 is the usual one"
        raise ValueError(message)
    _require_different_names(cards)
    _require_own_names(problems)
    _require_known_expectations(cards)
    if profile not in PROFILES:
        message = f"profile must be one of {', '.join(PROFILES)}, got {profile!r}; ci is the usual one"
        raise ValueError(message)
    chosen = PROFILES[profile]
    return Plan(
        tuple(replace(card, expected_failures=translated(card.expected_failures, ALIASES)) for card in cards),
        selected(select, own=bool(problems)),
        replace(chosen, seconds=seconds or chosen.seconds * (OWN_FIELDS_TAKE if problems else 1.0)),
        seed,
        datetime.now(UTC),
        tuple(problems),
    )


def selected(select: str | Sequence[str], *, own: bool = False) -> tuple[Check, ...]:
    """Return the checks whose id, or a former id, matches one of the patterns, with the checks they need.

    With `own` only those that are asked on fields of the user's own, and those that they need.
    """
    patterns = (select,) if isinstance(select, str) else tuple(select)
    chosen = {id_ for pattern in patterns for id_ in _matched(pattern)}
    if own:
        chosen &= {check.id for check in CHECKS if check.own}
        if not chosen:
            names = ", ".join(check.id for check in CHECKS if check.own)
            message = (
                f"--select must match a check that is asked on fields of your own, got "
                f"{', '.join(patterns)}; with --problem these are: {names}"
            )
            raise ValueError(message)
    needed = {id_ for check in CHECKS if check.id in chosen for id_ in preconditions(check)}
    return tuple(check for check in CHECKS if check.id in chosen | needed)


def _matched(pattern: str) -> set[str]:
    """Return the ids of the checks that a shell pattern means; none is an error."""
    current = {check.id for check in CHECKS if fnmatch.fnmatchcase(check.id, pattern)}
    former = {id_ for id_ in ALIASES if fnmatch.fnmatchcase(id_, pattern)}
    chosen = current | {name.partition(":")[0] for id_ in former for name in ALIASES[id_]}
    if not chosen:
        near = nearest(pattern, [*(check.id for check in CHECKS), *ALIASES])
        message = (
            f"--select must match the id of a check, got {pattern!r}, which matches none; "
            f"{near and f'{near} '}`nodecheck list checks` names them"
        )
        raise ValueError(message)
    return chosen


def preconditions(check: Check) -> tuple[str, ...]:
    """Return the ids of the checks that must pass before this one means anything, the first of them first."""
    if not check.needs:
        return ()
    (needed,) = (other for other in CHECKS if other.id == check.needs)
    return (*preconditions(needed), needed.id)


def problems_of(
    check: Check, profile: Profile, supports: Collection[str] = (), own: Sequence[Problem] = ()
) -> tuple[Problem | None, ...]:
    """Return the problems a check runs on in a profile; (None,) for a check that brings its own.

    A layer that supports equations of second order is asked for the counterparts of these problems.  If there
    are problems of the user's `own`, they take their place.
    """
    if own and check.own:
        return tuple(check.on(problem) for problem in own)
    most = None if profile.name == "full" else check.most
    more = (problem for cheapest, problem in check.more if RANKS[cheapest] <= RANKS[profile.name])
    problems = (*check.problems[: profile.problems][:most], *more)
    return tuple(other for problem in problems for other in counterparts(supports, problem)) or (None,)


def left_out(card: LayerCard, check: Check, profile: Profile, own: Sequence[Problem] = ()) -> str:
    """Return the reason why a check is skipped whatever the layer does; "" if it is not."""
    reason = check.why_not(card.kinds)
    if own and SECOND_ORDER in card.supports and not reason:
        reason = "fields of your own are asked only of layers that solve y' = f(t, y)"
    return reason or ("" if within(check, profile) else f"part of the {check.profile} profile")


def within(check: Check, profile: Profile) -> bool:
    """Return True if a profile includes a check."""
    return RANKS[check.profile] <= RANKS[profile.name]


def _require_different_names(cards: Sequence[LayerCard]) -> None:
    names = [card.name for card in cards]
    for name in names:
        if names.count(name) > 1:
            message = f"layers need different names, got {name!r} twice; results are filed by name"
            raise ValueError(message)


def _require_own_names(problems: Sequence[Problem]) -> None:
    """Raise a ValueError if two problems share a name, or one has that of a problem of the suite."""
    names = [problem.name for problem in problems]
    for problem in problems:
        name = problem.name
        taken = "that of a problem of nodecheck" if name in _NAMES_OF_THE_SUITE else "given twice"
        if names.count(name) > 1 or name in _NAMES_OF_THE_SUITE:
            message = f"a problem needs a name of its own, got {name!r}, {taken}; give it another one"
            raise ValueError(message)


def _require_known_expectations(cards: Sequence[LayerCard]) -> None:
    for card in cards:
        for key in card.expected_failures:
            if key.partition(":")[0] not in KNOWN_IDS:
                message = (
                    f"expected_failures of {card.name!r} must be ids of checks, got {key!r}; "
                    f"`nodecheck list checks` names them"
                )
                raise ValueError(message)
