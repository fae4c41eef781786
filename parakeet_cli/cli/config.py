"""`parakeet config path|show|init`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from parakeet_cli import console
from parakeet_cli.cli import options

config_app = typer.Typer(no_args_is_help=True)


@config_app.command("path")
def path(config: options.Config = None) -> None:
    """Print where the configuration file is, whether or not it is there."""
    from parakeet_cli.config import config_path

    console.out(f"{config_path(config)}\n")


@config_app.command("show")
def show(config: options.Config = None) -> None:
    """Print every setting, its value and where it came from."""
    from parakeet_cli.config import SETTINGS, load_settings

    settings = load_settings({}, config=config)
    for warning in settings.warnings:
        console.note(f"Warning: {warning}")
    width = max(len(name) for name in SETTINGS)
    for name in SETTINGS:
        value = getattr(settings, name)
        console.out(f"{name:{width}}  {_shown(value)}  ({settings.origins.get(name, 'default')})\n")


@config_app.command("init")
def init(
    config: options.Config = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace one.")] = False,
) -> None:
    """Write a configuration file with the defaults, to be edited."""
    from parakeet_cli.config import config_path, initial_config
    from parakeet_cli.errors import UsageError
    from parakeet_cli.transcribe.outputs.write import write_atomically

    target = config_path(config)
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} is already there.", hint="--overwrite replaces it.")
    write_atomically(target, [initial_config()])
    console.out(f"{target}\n")


def _shown(value: object) -> str:
    """A setting's value as people read it; lists and objects as the file has them."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)
