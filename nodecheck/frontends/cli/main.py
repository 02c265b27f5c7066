"""The command line: check, audit, memory, compare, replay, reproduce, report, list, explain, schema."""

from __future__ import annotations

from pathlib import Path

import click

from nodecheck._version import __version__
from nodecheck.frontends.cli.arguments import EXIT_CODES
from nodecheck.frontends.cli.audit import audit
from nodecheck.frontends.cli.check import check
from nodecheck.frontends.cli.compare import compare
from nodecheck.frontends.cli.memory import memory
from nodecheck.frontends.cli.replay import replay
from nodecheck.frontends.cli.reproduce import reproduce
from nodecheck.frontends.cli.schema import schema
from nodecheck.options.option import on_command_line

# Everything heavy is imported inside the commands: the help text has to come at once.


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="nodecheck")
def main() -> None:
    """Tell whether a Neural ODE layer is right: its forward pass, its gradient, and why not."""


main.add_command(check)
main.add_command(audit)
main.add_command(memory)
main.add_command(compare)
main.add_command(replay)
main.add_command(reproduce)
main.add_command(schema)


@main.command()
@click.argument("path", metavar="RUN", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="Default: index.html beside it."
)
def report(path: Path, output: Path | None) -> None:
    """Write the HTML page of a stored run again; needs no torch.

    RUN is a run.json, an audit.json or the log of a GradientMonitor, or the folder of one of the first two.
    """
    from nodecheck.frontends.cli.stored_pages import stored_page
    from nodecheck.report.files import write_layer_pages

    page = stored_page(path)
    target = output or page.place
    try:
        target.write_text(page.text, encoding="utf-8")
    except OSError as error:
        message = (
            f"--output must be a file that can be written, got {target} ({error.strerror}); name another"
        )
        raise click.UsageError(message) from error
    for sentence in () if page.run is None else write_layer_pages(page.run, target):
        raise click.UsageError(sentence)
    click.echo(str(target))


@main.command("list")
@click.argument("what", type=click.Choice(["checks", "themes", "layers", "problems", "mutants"]))
@click.argument("targets", metavar="[TARGET...]", nargs=-1)
@on_command_line("layer")
def list_(what: str, targets: tuple[str, ...], layer: tuple[str, ...]) -> None:
    """List checks, their themes, layers, problems or mutants: layers that are wrong on purpose.

    `list layers` lists the registered targets, and `list layers TARGET...` the layers of targets.
    """
    from nodecheck.frontends.cli.catalogue import layers_of, listing

    if what != "layers" and (targets or layer):
        message = f"TARGET and --layer belong to `nodecheck list layers`, got them for {what}; leave them out"
        raise click.UsageError(message)
    if layer and not targets:
        message = (
            "--layer expects a TARGET whose layers are listed, got none; name one, for instance odelayer"
        )
        raise click.UsageError(message)
    for name, text in layers_of(targets, layer) if targets else listing(what):
        click.echo(f"{name:<24}  {text}")  # a line each, for grep, however long a name is


@main.command()
@click.argument("name", metavar="CHECK|THEME")
def explain(name: str) -> None:
    """Print the page of a check, or that of a theme.

    Of a check: the measurement, why it matters, the look of a failure, its source.  Of a theme, as gradient,
    memory or tolerance: what it asks, its checks, and usual causes of a failure with their remedies.
    """
    from nodecheck.frontends.cli.explanation import page

    try:
        click.echo(page(name))
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from error
