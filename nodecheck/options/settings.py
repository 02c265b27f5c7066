"""What holds for a run of `nodecheck check`: the command line, else the configuration, else the defaults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodecheck._version import __version__
from nodecheck.frontends.cli.arguments import folder_name

if TYPE_CHECKING:
    from nodecheck.options.configuration import Configuration
    from nodecheck.results import LayerCard

_GIBIBYTE = 2**30
_MOST_JOBS = 4  # each takes a few hundred megabytes, and up to a gigabyte at the end of a memory ladder


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes
    ----------
    targets, profile, select, seed
        What is run.
    folder
        Where everything is written.
    jobs
        How many layers at a time.
    memory_limit
        Bytes that the process of one layer may allocate.
    time_limit
        Seconds of one check; None: as the profile says.
    strict
        Whether a layer that could not be verified counts as wrong.
    resume, debug
        As on the command line.
    configuration
        The configuration, for what it expects of the layers.
    every_layer
        Whether the targets are those of the configuration.
    """

    targets: tuple[str, ...]
    profile: str
    select: str
    seed: int
    folder: Path
    jobs: int
    memory_limit: int
    time_limit: float | None
    strict: bool
    resume: bool
    debug: bool
    configuration: Configuration
    every_layer: bool

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two runs the same, for --resume."""
        names = ("profile", "select", "seed")
        return {
            "targets": list(self.targets),
            **{name: getattr(self, name) for name in names},
            "version": __version__,
        }


def settle(context: click.Context, targets: tuple[str, ...], **given: Any) -> Settings:
    """Return the settings of a run; `given` are the parameters of the command.

    Raises
    ------
    click.UsageError
        If the configuration is not written as it should be, or there is no target.
    """
    configuration = fill_in(context, given)
    chosen = targets or configuration.table.targets
    if not chosen:
        message = (
            "expected a TARGET, got none, and no configuration names any; "
            "name one, for instance odelayer or mylib/nodecheck_layers.py:LAYERS"
        )
        raise click.UsageError(message, context)
    folder = Path(given.pop("output") or Path("reports") / folder_name(chosen))
    given["jobs"] = given["jobs"] or min(_MOST_JOBS, _cores())
    limit = in_bytes(given.pop("memory_limit"), given["jobs"])
    return Settings(
        chosen,
        folder=folder,
        memory_limit=limit,
        configuration=configuration,
        every_layer=not targets,
        **given,
    )


def _cores() -> int:
    """Return how many cores this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fill_in(context: click.Context, given: dict[str, Any]) -> Configuration:
    """Put what is configured in place of what nobody gave; return the configuration.

    Raises
    ------
    click.UsageError
        If the configuration is not written as it should be.
    """
    from nodecheck.options.configuration import ConfigurationError
    from nodecheck.options.configuration_file import load_configuration

    try:
        configuration = load_configuration(Path.cwd())
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    default = click.core.ParameterSource.DEFAULT
    for name, value in configuration.options.items():
        if name in given and context.get_parameter_source(name) is default:
            given[name] = value
    return configuration


def in_bytes(gibibytes: float | None, jobs: int = 1) -> int:
    """Return the memory limit of a layer: by default, all layers at a time may use half of the machine."""
    import psutil

    return int(gibibytes * _GIBIBYTE) if gibibytes else psutil.virtual_memory().total // 2 // jobs


def with_expectations(
    cards: Sequence[LayerCard], settings: Settings, *, complete: bool
) -> tuple[LayerCard, ...]:
    """Return the layers with what the configuration expects of them, which goes before their own word.

    `complete` says whether all targets could be loaded: an entry may be about a layer of one that could not.

    Raises
    ------
    click.UsageError
        If an entry has expired, or is about nothing that there is.
    """
    from nodecheck.checks import CHECKS
    from nodecheck.options.configuration import ConfigurationError
    from nodecheck.options.expectations import expectations

    try:
        found = expectations(
            settings.configuration,
            cards,
            date.today(),
            checks=[check.id for check in CHECKS],
            every_layer=settings.every_layer and complete,
        )
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    return tuple(
        replace(card, expected_failures={**card.expected_failures, **found.get(card.name, {})})
        for card in cards
    )
