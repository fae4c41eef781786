"""Options that more than one command has, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from parakeet_cli.engines.registry import engine_names

ENGINE_PANEL = "Engine"
SAID_PANEL = "What is said"

Engine = Annotated[
    str | None,
    typer.Option(
        help=f"{', '.join(engine_names())}.",
        autocompletion=lambda: list(engine_names()),
        show_default="auto",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="An alias (tiny.en, small, ...), a hub id or a path.",
        show_default="the engine's own",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="auto, cpu, cuda or cuda:N.", show_default="auto", rich_help_panel=ENGINE_PANEL
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        help="The language spoken, e.g. en.",
        show_default="detected",
        rich_help_panel=ENGINE_PANEL,
    ),
]
BeamSize = Annotated[
    int | None,
    typer.Option(help="Beams of the search.", show_default="5", rich_help_panel=ENGINE_PANEL),
]
Threads = Annotated[
    int | None,
    typer.Option(help="Cores to use.", show_default="all", rich_help_panel=ENGINE_PANEL),
]
MlPython = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="The ML stack's interpreter, for nemo.",
        show_default="the one that runs parakeet",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Offline = Annotated[
    bool | None,
    typer.Option(
        "--offline", help="Never ask a model hub.", show_default=False, rich_help_panel=ENGINE_PANEL
    ),
]
TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model",
        help="Load a model that could run code of its own.",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Config = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Another configuration file.", rich_help_panel=SAID_PANEL),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Only errors on stderr.", rich_help_panel=SAID_PANEL),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="More on stderr.", rich_help_panel=SAID_PANEL),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Tracebacks of errors.", rich_help_panel=SAID_PANEL)
]
NoProgress = Annotated[
    bool, typer.Option("--no-progress", help="No progress bar.", rich_help_panel=SAID_PANEL)
]
