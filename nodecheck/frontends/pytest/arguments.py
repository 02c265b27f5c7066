"""The arguments of pytest as settings of a run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nodecheck.options.configuration import ConfigurationError
from nodecheck.options.configuration_file import load_configuration
from nodecheck.options.layer_names import sources
from nodecheck.options.option import OPTIONS
from nodecheck.options.settings import Settings, resolve_settings

if TYPE_CHECKING:
    from nodecheck.results import LayerCard
    from nodecheck.runner.plan import Plan
    from nodecheck.targets.loading import LoadedTargets

# The first part of the id of an item.
ROOT = "nodecheck"


def settings_of(config: pytest.Config, wanted: tuple[str, ...]) -> Settings:
    """Return the settings of a session.

    Parameters
    ----------
    config
        The options, and the folder of the configuration.
    wanted
        Ids of nodecheck's own items among the arguments.

    Raises
    ------
    pytest.UsageError
        If the configuration is malformed, or a target is.
    """
    folder = config.invocation_params.dir
    try:
        configuration = load_configuration(folder)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error
    given = {option.key: getattr(config.option, f"nodecheck_{option.key}", None) for option in OPTIONS}
    targets = config.option.nodecheck_targets if _collects(config, wanted) else ()
    try:
        settings = resolve_settings(
            targets,
            given,
            configuration,
            every_layer=set(sources(configuration.table.targets)) <= set(sources(targets)),
            jobs=int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
        )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    return replace(settings, output=settings.output and folder / settings.output)


def take_ids(config: pytest.Config) -> tuple[str, ...]:
    """Return the arguments that are ids of nodecheck's items, or their beginning, and remove them.

    pytest would look for files of these names.
    """
    ids = tuple(argument for argument in config.args if argument.startswith(f"{ROOT}::"))
    config.args[:] = [argument for argument in config.args if argument not in ids]
    return ids


def plan_of(loaded: LoadedTargets[LayerCard], settings: Settings) -> Plan:
    """Return the plan of a session; if there can be none, that is a usage error."""
    from nodecheck.runner.session import plan_for

    try:
        return plan_for(loaded, settings)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def _collects(config: pytest.Config, wanted: tuple[str, ...]) -> bool:
    """Return True if the targets are to be checked in this session.

    Targets in `addopts` are given in every session, also where somebody runs a single file of tests; then
    they are left out.  On the command line they count beside paths too.
    """
    given = any(a.split("=")[0] == "--nodecheck" for a in map(str, config.invocation_params.args))
    paths = config.args_source is pytest.Config.ArgsSource.ARGS
    return bool(wanted) or given or not paths
