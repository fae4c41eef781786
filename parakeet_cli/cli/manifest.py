"""`parakeet manifest merge OUT IN...`."""

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
    inputs: Annotated[list[str], typer.Argument(metavar="IN...", help="The manifests to join.")],
    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="first|last",
            help="Which counts where two of the same status differ.",
            show_default="neither: it is refused",
        ),
    ] = None,
) -> None:
    """Join the manifests of shards or retries: one line an input, the best result of each.

    A line that stands twice is written once; ok wins over partial, partial over failed.
    """
    from pathlib import Path

    from parakeet_cli.errors import UsageError
    from parakeet_cli.formats import merging
    from parakeet_cli.transcribe.outputs.write import write_atomically

    if prefer is not None and prefer not in merging.PREFERENCES:
        raise UsageError(f"--prefer {prefer}: it must be first or last.")
    merged = merging.merge([Path(name).expanduser() for name in inputs], prefer)
    write_atomically(Path(out).expanduser(), merged.lines)
    console.info(
        f"{len(merged.lines)} lines; {merged.repeated} stood there twice, "
        f"{merged.outdone} gave way to a better one."
    )
