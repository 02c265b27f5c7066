"""Parts that the commands share: help texts, the configuration, the output folder, errors of targets."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodecheck.options.option import resolve

if TYPE_CHECKING:
    from nodecheck.options.configuration import Configuration
    from nodecheck.targets.loading import LoadedTargets

TARGETS = """\b
TARGET is
  a registered name          odelayer, torchdiffeq, ... (see `nodecheck list layers`)
  package.module:object      a TorchLayer, or a sequence of them
  path/file.py:object        the same, in a file
and TARGET::GLOB means only its layers whose name matches.
"""
EXIT_CODES = """\b
Exit codes:
  0  nothing failed              3    a target could not be loaded
  1  failed, error or xpassed    5    nothing was run
  2  usage or configuration      130  interrupted
"""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a `ValueError` inside the block into a usage error: exit code 2."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def apply_configuration(context: click.Context, options: dict[str, Any]) -> Configuration:
    """Replace options that the user did not give by the configured ones; return the configuration.

    Raises
    ------
    click.UsageError
        If the configuration is malformed.
    """
    from nodecheck.options.configuration_file import load_configuration

    with usage_errors():
        configuration = load_configuration(Path.cwd())
    default = click.core.ParameterSource.DEFAULT
    for name in options.keys() & configuration.options.keys():
        if context.get_parameter_source(name) is default:
            options[name] = resolve(name.replace("_", "-"), None, configuration.options)
    return configuration


def targets_or_configured(
    context: click.Context, targets: tuple[str, ...], configuration: Configuration
) -> tuple[str, ...]:
    """Return the targets, or those of the configuration if there are none; no target is a usage error."""
    chosen = targets or configuration.table.targets
    if not chosen:
        message = (
            "expected a TARGET, got none, and no configuration names any; "
            "name one, for instance odelayer or mylib/nodecheck_layers.py:LAYERS"
        )
        raise click.UsageError(message, context)
    return chosen


def make_folder(folder: Path) -> None:
    """Create the output folder; a folder that cannot be written is a usage error."""
    from nodecheck.options import output_folder

    with usage_errors():
        output_folder.make_folder(folder)


def report_load_errors(loaded: LoadedTargets[Any], *, debug: bool) -> None:
    """Print the errors of targets that could not be loaded; a usage error among them ends the command."""
    for error in [*loaded.usage_errors.values(), *loaded.load_errors.values()]:
        click.echo(f"Error: {error}", err=True)
    if debug:
        click.echo("\n".join(loaded.tracebacks.values()), err=True)
    if loaded.usage_errors:
        sys.exit(2)


@contextmanager
def interruptible() -> Iterator[None]:
    """End the command with exit code 130 if Ctrl-C comes where there is nothing to keep."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)


def end_politely() -> None:
    """Let SIGTERM do the same as Ctrl-C: a job that runs out of time keeps what was measured."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
