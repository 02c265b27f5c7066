"""`nodecheck schema`: the JSON Schemas of run.json and of the configuration."""

from __future__ import annotations

import click

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command()
@click.argument("what", type=click.Choice(["run", "config"]))
def schema(what: str) -> None:
    """Print the JSON Schema of run.json, or of the configuration ([tool.nodecheck] or nodecheck.toml)."""
    import json

    from nodecheck import results
    from nodecheck.options import configuration

    found = results.json_schema() if what == "run" else configuration.json_schema()
    click.echo(json.dumps({"$schema": _DIALECT} | found, indent=2))
