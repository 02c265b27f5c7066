"""What pytest was asked to do: options, else the configuration, else the defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nodecheck.options.configuration import Configuration, ConfigurationError
from nodecheck.options.configuration_file import load_configuration
from nodecheck.options.option import settle

if TYPE_CHECKING:
    from nodecheck.results import LayerCard
    from nodecheck.runner.plan import Plan

_GIBIBYTE = 2**30
# What stands before the layer in the id of an item.
ROOT = "nodecheck"


@dataclass(frozen=True)
class Settings:
    """What pytest was asked to do.

    Attributes
    ----------
    targets
        Those to collect, in this session.
    wanted
        Ids of items, or the beginning of ids, that were named like paths; empty: all.
    profile, select, seed, time_limit
        As on the command line.
    output
        Where the report goes, None if nobody wants one.
    memory_limit
        Of one layer, in bytes.
    configuration
        Whose expected failures apply.
    """

    targets: tuple[str, ...]
    wanted: tuple[str, ...]
    profile: str
    select: str
    seed: int
    output: Path | None
    memory_limit: int
    time_limit: float | None
    configuration: Configuration

    def plan(self, cards: tuple[LayerCard, ...]) -> Plan:
        """Return the plan for these layers.

        Raises
        ------
        pytest.UsageError
            If nothing is selected, two layers share a name, or something is expected of a check that does
            not exist.
        """
        from nodecheck.runner.plan import make_plan

        try:
            plan = make_plan(cards, profile=self.profile, select=self.select, seed=self.seed)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
        if self.time_limit is not None:
            plan = replace(plan, profile=replace(plan.profile, seconds=self.time_limit))
        return plan


def settings_of(config: pytest.Config) -> Settings:
    """Return what a session was asked to do.

    Raises
    ------
    pytest.UsageError
        If the configuration is not written as it should be.
    """
    folder = config.invocation_params.dir
    try:
        configuration = load_configuration(folder)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error

    def option(name: str) -> Any:
        given = getattr(config.option, f"nodecheck_{name.replace('-', '_')}")
        return settle(name, given, configuration.options)

    wanted = _take_ids(config)
    output, gibibytes = option("output"), option("memory-limit")
    return Settings(
        targets=tuple(dict.fromkeys(config.option.nodecheck_targets)) if _collects(config, wanted) else (),
        wanted=wanted,
        profile=option("profile"),
        select=option("select"),
        seed=option("seed"),
        output=folder / output if output is not None else None,
        memory_limit=int(gibibytes * _GIBIBYTE) if gibibytes else _share_of_memory(),
        time_limit=option("time-limit"),
        configuration=configuration,
    )


def _take_ids(config: pytest.Config) -> tuple[str, ...]:
    """Return the arguments that are ids of ours, as pytest prints them, and take them away from pytest.

    It would look for a file of that name.
    """
    ids = tuple(argument for argument in config.args if argument.startswith(f"{ROOT}::"))
    config.args[:] = [argument for argument in config.args if argument not in ids]
    return ids


def _collects(config: pytest.Config, wanted: tuple[str, ...]) -> bool:
    """Whether the targets are meant this time.

    Written into `addopts` they are there always, also where somebody runs a single file of tests; then they
    are not.  Given beside paths on the command line, they are meant.
    """
    given = any(a.split("=")[0] == "--nodecheck" for a in map(str, config.invocation_params.args))
    paths = config.args_source is pytest.Config.ArgsSource.ARGS
    return bool(wanted) or given or not paths


def _share_of_memory() -> int:
    """Return the memory that a layer may use: all workers of xdist together, half of the machine's."""
    import psutil

    return int(psutil.virtual_memory().total) // 2 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
