"""The session: the one way from loaded targets over a plan and its results to a run.

::

    with Children(settings.memory_limit) as children:              # runner/children.py
        loaded = children.describe(settings.targets)               # load
        session = Session(plan_for(loaded, settings), loaded)      # plan
        results = examine_in_children(session.plan, children)      # examine
        examined = session.examine(results, advance=progress)      # ... until the end or Ctrl-C
        run = session.record(examined.results, command=...)        # assemble
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nodecheck._version import __version__
from nodecheck.checks import CHECKS
from nodecheck.layers import TorchLayer
from nodecheck.options.devices import devices_of, not_measured, on_devices
from nodecheck.options.dtypes import in_dtype
from nodecheck.options.expectations import with_expectations
from nodecheck.options.layer_names import chosen_layers
from nodecheck.options.settings import Settings
from nodecheck.results import LayerCard, Outcome, Result, Run
from nodecheck.runner.environment import environment, environment_without_torch
from nodecheck.runner.examine import complete, examine
from nodecheck.runner.measure import InProcess
from nodecheck.runner.plan import ADAPTER, KNOWN_IDS, Plan, card_of, make_plan, standing_for, within
from nodecheck.targets.loading import LoadedTargets


@dataclass(frozen=True)
class Examined:
    """The results of a session; `interrupted` is True if Ctrl-C ended it."""

    results: tuple[Result, ...]
    interrupted: bool = False


@dataclass(frozen=True)
class Session:
    """A run from its plan to its record.

    Attributes
    ----------
    plan
        The layers, and the checks that run on them.
    loaded
        The targets of the layers, with those that could not be loaded; empty for layers given as objects.
    """

    plan: Plan
    loaded: LoadedTargets[LayerCard] = field(default_factory=LoadedTargets)

    def examine(
        self,
        results: Iterable[Result],
        *,
        advance: Callable[[Result], object] = lambda _result: None,
        unfinished: Callable[[Plan, Sequence[Result]], Iterable[Result]] = complete,
    ) -> Examined:
        """Return all results, or those that were there when Ctrl-C was pressed.

        Parameters
        ----------
        results
            The results as they are measured, for instance from `examine` or `examine_in_children`.
        advance
            Called with each result: a progress bar, a journal.
        unfinished
            ``unfinished(plan, results)`` returns all results of an interrupted run: by default those that
            were measured, and an inconclusive one for each that is missing.
        """
        found: list[Result] = []
        try:
            for result in results:
                found.append(result)
                advance(result)
        except KeyboardInterrupt:
            return Examined(tuple(unfinished(self.plan, found)), interrupted=True)
        return Examined(tuple(found))

    def record(
        self,
        results: Iterable[Result],
        *,
        targets: Sequence[str] = (),
        command: str = "",
        warnings: Sequence[str] = (),
    ) -> Run:
        """Return the run that consists of these results, and a skipped one for each missing library.

        Layers and checks come in their order, in whatever order they were measured.
        """
        plan, loaded = self.plan, self.loaded
        missing = [skipped_target(name, reason) for name, reason in loaded.missing.items()]
        layers = {card.name: k for k, card in enumerate(plan.cards)}
        checks = {check.id: k for k, check in enumerate(CHECKS)}
        return Run(
            results=(*missing, *sorted(results, key=lambda r: (layers[r.layer], checks[r.check]))),
            layers=plan.cards,
            targets=tuple(targets),
            profile=plan.profile.name,
            seed=plan.seed,
            command=command,
            started=plan.started.isoformat(timespec="seconds"),
            seconds=(datetime.now(UTC) - plan.started).total_seconds(),
            environment=loaded.environment or environment_without_torch(),
            load_errors={**loaded.usage_errors, **loaded.load_errors},
            warnings=tuple(warnings),
            nodecheck_version=__version__,
            checks={
                check.id: check.asked_of
                for check in CHECKS
                if within(check, plan.profile) and (check.own or check.id == ADAPTER or not plan.problems)
            },
            problems=tuple(loaded.fields.values()),
        )


def examine_here(
    layers: Sequence[TorchLayer],
    *,
    profile: str,
    select: str | Sequence[str],
    seed: int,
    device: str,
    dtype: str | None,
    problems: object = (),
) -> Run:
    """Return the run of layers that are examined in this process.

    Raises
    ------
    ValueError
        If there can be no such plan (see `make_plan`), or a layer works in another dtype only.  If a field
        is none that a check can be asked on.
    """
    from nodecheck.runner.own_problems import card_of_problem, given_problems  # imports torch

    here, own = environment(), given_problems(problems)
    cards = on_devices(in_dtype(map(card_of, layers), dtype), devices_of(device, here))
    plan = make_plan(cards, profile=profile, select=select, seed=seed, problems=own)
    fields = {problem.name: card_of_problem(problem) for problem in own}
    session = Session(plan, LoadedTargets(environment=here, fields=fields))
    results = examine(plan, InProcess(layers, plan.profile, seed))
    return session.record(results, warnings=tuple(not_measured(device, here)))


def plan_for(loaded: LoadedTargets[LayerCard], settings: Settings) -> Plan:
    """Return the plan for those of the loaded layers that are meant, with their expected failures.

    The configuration is compared with all layers of the targets: an expected failure of one that is left out
    is not out of date.

    Raises
    ------
    ValueError
        If the configuration does not fit the layers, a pattern matches no layer, or there can be no such
        plan; see `make_plan`.
    """
    cards = with_expectations(
        loaded.layers,
        settings.configuration,
        checks=KNOWN_IDS,
        every_layer=settings.every_layer and loaded.complete,
    )
    chosen = chosen_layers(cards, settings.targets, settings.layers, complete=loaded.complete)
    if len(loaded.fields) < len(set(settings.problems)):
        chosen = ()  # a field could not be loaded: nothing may be run in its place
    devices = devices_of(settings.device, loaded.environment) if chosen else ()
    return make_plan(
        on_devices(in_dtype(chosen, settings.dtype), devices),
        profile=settings.profile,
        select=settings.select,
        seed=settings.seed,
        seconds=settings.time_limit,
        problems=tuple(standing_for(card) for card in loaded.fields.values()),
    )


def skipped_target(target: str, reason: str) -> Result:
    """Return the result that stands for a registered target whose library is not installed."""
    return Result(
        layer=target,
        check="library",
        problem="",
        outcome=Outcome.SKIPPED,
        title="Library is installed",
        theme="Contract",
        reason=reason,
    )
