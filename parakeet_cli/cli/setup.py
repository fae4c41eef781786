"""The command `parakeet setup`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from parakeet_cli.cli import options
from parakeet_cli.errors import UsageError

CHOICE, PLACE, KEPT = "What", "Where from, where to", "What setup keeps"


def _kept() -> Iterator[tuple[str, str]]:
    """The names of the environments that it keeps, for a shell's completion."""
    from platformdirs import user_data_path

    from parakeet_cli.system.environments import kept_environments

    for kept in kept_environments(user_data_path("parakeet")):
        yield kept.name, kept.path


def setup(
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="nemo|onnx",
            help="What to set up.",
            show_default="by the GPU",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="The model that it uses from then on.",
            show_default="v3, or v3-int8 for onnx",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="3.0|2.4",
            help="The release of NeMo, for nemo.",
            show_default="3.0",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    torch_index: Annotated[
        str | None,
        typer.Option(
            "--torch-index",
            metavar="NAME|URL",
            help="cu126, cu128, cu130, nightly/cu128, cpu, default (pip's own) or a URL.",
            show_default="by the GPU",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="CLIP",
            help="What is transcribed as proof; its words are in CLIP.txt.",
            show_default="an English one",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where the environment of nemo is made, or one that exists.",
            show_default="in your data folder",
            rich_help_panel=PLACE,
        ),
    ] = None,
    base_python: Annotated[
        str | None,
        typer.Option(
            "--base-python",
            metavar="PATH",
            help="The Python that makes it.",
            show_default="one that suits",
            rich_help_panel=PLACE,
        ),
    ] = None,
    wheelhouse: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Install only from this folder, without a network.",
            rich_help_panel=PLACE,
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Download nothing.", rich_help_panel=PLACE)
    ] = False,
    config: options.Config = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, change nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show pip's output.")] = False,
    list_kept: Annotated[
        bool,
        typer.Option("--list", help="List the environments it keeps.", rich_help_panel=KEPT),
    ] = False,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Remove one of them.",
            autocompletion=lambda: list(_kept()),
            rich_help_panel=KEPT,
        ),
    ] = None,
) -> int:
    """Set up Parakeet: choose by the GPU, install, download, prove, and use it from then on."""
    from parakeet_cli.cli import setup_output

    if list_kept and remove is not None:
        raise UsageError("--list and --remove contradict each other: leave one of them out.")
    if list_kept:
        return setup_output.show_kept(config, as_json=json)
    if remove is not None:
        return setup_output.show_removal(remove, config, yes=yes)
    from parakeet_cli.setup.request import SetupRequest

    request = SetupRequest(
        sample=setup_output.sample_of(sample),
        engine=engine,
        stack=stack,
        torch_index=torch_index,
        model=model,
        env=env,
        base_python=base_python,
        wheelhouse=wheelhouse,
        config=config,
        yes=yes,
        dry_run=dry_run,
        offline=offline,
    )
    return setup_output.show_setup(request, as_json=json, verbose=verbose)
