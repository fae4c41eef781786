"""`parakeet dictate start|stop|toggle|cancel|status`"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from parakeet_cli.dictate.daemon.controllable import Controllable

    Maker = Callable[[typer.Context], Controllable]

KEYS = "Keys"
TELLING = "Telling"

Json = Annotated[bool, typer.Option("--json", help="Print its state as a JSON object.")]


def add_control(app: typer.Typer, make: Maker) -> None:
    """The verbs on `parakeet dictate`; `make` gives the dictation for its options."""

    @app.command(
        "start", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )
    def start(
        context: typer.Context,
        idle: Annotated[bool, typer.Option("--idle", help="Don't listen yet.")] = False,
        foreground: Annotated[
            bool, typer.Option("--foreground", help="Stay here, as systemd wants it.")
        ] = False,
        idle_unload: Annotated[
            float | None,
            typer.Option(
                metavar="SECONDS",
                min=0.0,
                help="Free the model after so long without listening.",
                show_default="never",
            ),
        ] = None,
        hotkey: Annotated[
            str | None,
            typer.Option(
                metavar="KEYS",
                help="Toggle by this key, like <ctrl>+<alt>+d (the extra hotkey).",
                rich_help_panel=KEYS,
                show_default=False,
            ),
        ] = None,
        push_to_talk: Annotated[
            str | None,
            typer.Option(
                metavar="KEYS",
                help="Listen while this key is held, like <f9> (the extra hotkey).",
                rich_help_panel=KEYS,
                show_default=False,
            ),
        ] = None,
        sounds: Annotated[
            bool,
            typer.Option(
                "--sounds", help="A tone when it listens and when not.", rich_help_panel=TELLING
            ),
        ] = False,
        notices: Annotated[
            bool,
            typer.Option("--notices", help="The same on the desktop.", rich_help_panel=TELLING),
        ] = False,
    ) -> int:
        """Listen, in a process that stays ready; starts it if there is none.

        Takes the options of `parakeet dictate` as well. Without --sink it types.
        """
        from parakeet_cli.cli.dictate.daemon import StartOptions, run_start

        options = StartOptions(idle, foreground, idle_unload, hotkey, push_to_talk, sounds, notices)
        return run_start(context, options, make)

    @app.command("stop")
    def stop(
        leave: Annotated[bool, typer.Option("--quit", help="End the process as well.")] = False,
        json: Json = False,
    ) -> int:
        """Stop listening; returns when what was said is inserted."""
        from parakeet_cli.cli.dictate.daemon import run_verb

        return run_verb("quit" if leave else "stop", as_json=json)

    @app.command("toggle")
    def toggle(context: typer.Context, json: Json = False) -> int:
        """Start or stop listening, whichever is next: one key for both."""
        from parakeet_cli.cli.dictate.daemon import run_toggle

        return run_toggle(context, as_json=json)

    @app.command("cancel")
    def cancel(json: Json = False) -> int:
        """Stop listening and drop what was not inserted yet."""
        from parakeet_cli.cli.dictate.daemon import run_verb

        return run_verb("cancel", as_json=json)

    @app.command("status")
    def status(json: Json = False) -> int:
        """Say what the process does; exit code 1 where there is none."""
        from parakeet_cli.cli.dictate.daemon import run_status

        return run_status(as_json=json)
