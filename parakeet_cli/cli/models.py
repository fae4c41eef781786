"""The command `parakeet models list|pull|verify|scan|path|remove`."""

from __future__ import annotations

from typing import Annotated

import typer

from parakeet_cli.cli import options

models_app = typer.Typer(no_args_is_help=True)


def _known() -> list[str]:
    """The names of the models, for a shell's completion."""
    from parakeet_cli.models.registry import names

    return list(names())


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A known name (v3, v3-int8, small) or a hub id.",
        autocompletion=_known,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        help="What it is for: nemo, onnx, whisper or speakers.", show_default="the name's own"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="As JSON on stdout.")]


@models_app.command("list")
def list_models(json: Json = False) -> None:
    """Print the known models, what is cached of them, and their sizes."""
    from parakeet_cli.cli.models_output import show_list

    show_list(as_json=json)


@models_app.command("pull")
def pull(
    name: Name,
    kind: Kind = None,
    offline: options.Offline = None,
    no_progress: options.NoProgress = False,
) -> None:
    """Download a model and check it. If interrupted, the same command resumes."""
    from parakeet_cli.cli.models_output import show_pull

    show_pull(name, kind, offline=offline, progress=not no_progress)


@models_app.command("verify")
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One model.", show_default="all cached models"),
    ] = None,
    kind: Kind = None,
    json: Json = False,
    no_progress: options.NoProgress = False,
) -> int:
    """Compare every file with its checksum. Exit code 0: all match, 1: not."""
    from parakeet_cli.cli.models_output import show_verify

    return show_verify(name, kind, as_json=json, progress=not no_progress)


@models_app.command("scan")
def scan(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A .nemo, a checkpoint, or a folder with ONNX files."),
    ],
    json: Json = False,
) -> int:
    """Look for code in a model without loading it. Exit code 0: none, 1: some."""
    from parakeet_cli.cli.models_output import show_scan

    return show_scan(file, as_json=json)


@models_app.command("path")
def path(name: Name, kind: Kind = None) -> None:
    """Print where a cached model is."""
    from parakeet_cli.cli.models_output import show_path

    show_path(name, kind)


@models_app.command("remove")
def remove(
    name: Name,
    kind: Kind = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
) -> None:
    """Delete a model from the cache."""
    from parakeet_cli.cli.models_output import show_remove

    show_remove(name, kind, yes=yes)
