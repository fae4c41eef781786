"""Defines `parakeet config path|show|init|schema`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from parakeet_cli import console
from parakeet_cli.cli import options
from parakeet_cli.config.dictate import SECTION
from parakeet_cli.config.settings import SETTINGS

_SCHEMAS = {
    "transcript": "what `parakeet transcribe -f json` writes",
    "config": "config.json",
}

config_app = typer.Typer(no_args_is_help=True)


@config_app.callback(
    epilog="\n\n".join(
        ["The settings, in config.json or a variable:"]
        + [f"{name}  {setting.help}" for name, setting in SETTINGS.items()]
        + ["dictate  the options of dictate by their long names, with underscores"]
        + ["profiles  the same by the name of each profile, for --profile"]
    )
)
def config() -> None:
    pass


@config_app.command("path")
def path(config: options.Config = None) -> None:
    """Print the path of the configuration file, whether or not it exists."""
    from parakeet_cli.config import config_path

    console.out(f"{config_path(config)}\n")


@config_app.command("show")
def show(config: options.Config = None) -> None:
    """Print every setting, its value, and where that came from."""
    from parakeet_cli.config import config_path, load_settings

    settings = load_settings({}, config=config)
    console.show_warnings(settings.warnings, show=console.note)
    path = str(config_path(config))
    rows = [
        (name, getattr(settings, name), settings.origins.get(name, "default")) for name in SETTINGS
    ]
    given = settings.sections.dictate
    rows += [
        (f"dictate.{key}", given.get(key, row.default), path if key in given else "default")
        for key, row in SECTION.items()
    ]
    rows += [
        (f"profiles.{name}.{key}", value, path)
        for name, profile in settings.sections.profiles.items()
        for key, value in profile.items()
    ]
    width = max(len(name) for name, _, _ in rows)
    for name, value, origin in rows:
        console.out(f"{console.printable(name):{width}}  {_shown(value)}  ({origin})\n")


@config_app.command("init")
def init(
    config: options.Config = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a configuration file with the defaults, to be edited."""
    from parakeet_cli.config import config_path, initial_config
    from parakeet_cli.errors import UsageError
    from parakeet_cli.transcribe.outputs.write import write_atomically

    target = config_path(config)
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} exists already.", hint="--overwrite replaces it.")
    write_atomically(target, [initial_config()])
    console.out(f"{target}\n")


@config_app.command("schema")
def schema(
    of: Annotated[
        str,
        typer.Argument(
            metavar="[transcript|config]",
            help=options.with_rows("Of what.", _SCHEMAS),
            autocompletion=lambda: list(_SCHEMAS.items()),
        ),
    ] = "transcript",
) -> None:
    """Print a JSON Schema: of transcripts, or of config.json."""
    from parakeet_cli.config.schema import config_schema
    from parakeet_cli.errors import UsageError
    from parakeet_cli.formats.json import json_schema

    schemas = {"transcript": json_schema, "config": config_schema}
    if of not in schemas:
        raise UsageError(f"There is no schema of '{of}': it is transcript or config.")
    console.out(schemas[of]())


def _shown(value: object) -> str:
    """A setting's value for people; lists and objects as they are in the file."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)
