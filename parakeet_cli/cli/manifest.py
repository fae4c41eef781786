"""Defines `parakeet manifest merge OUT IN...`."""

from __future__ import annotations

from typing import Annotated

import typer

from parakeet_cli import console

manifest_app = typer.Typer(no_args_is_help=True)


@manifest_app.callback()
def _manifest() -> None:
    pass


@manifest_app.command("merge")
def merge(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The manifest to write.")],
    inputs: Annotated[list[str], typer.Argument(metavar="IN...", help="The manifests to merge.")],
    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="first|last",
            help="Which one to take of two that differ but have the same status.",
            show_default="refuse both",
        ),
    ] = None,
) -> None:
    """Merge the manifests of shards or retries: the best result of each input.

    Equal lines are written once; ok wins over partial, and partial over failed.
    """
    from pathlib import Path

    from parakeet_cli.errors import UsageError
    from parakeet_cli.formats import manifest
    from parakeet_cli.transcribe.outputs.write import write_atomically

    if prefer is not None and prefer not in manifest.PREFERENCES:
        raise UsageError(f"--prefer {prefer}: it must be first or last.")
    merged = manifest.merge([Path(name).expanduser() for name in inputs], prefer)
    write_atomically(Path(out).expanduser(), merged.lines)
    console.info(
        f"{len(merged.lines)} lines; {merged.repeated} duplicates and "
        f"{merged.replaced} lines that a better one replaced were left out."
    )
