"""Defines `parakeet dictate start|stop|toggle|cancel|status`."""

from __future__ import annotations

from typing import Annotated

import typer

KEYS = "Keys"
NOTICES = "Notices"

Json = Annotated[bool, typer.Option("--json", help="Print the state as a JSON object.")]
Profile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Use this profile of config.json.",
        show_default=False,
    ),
]
IdleUnload = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.0,
        help="Free the model after this time without listening.",
        show_default="never",
    ),
]
Hotkey = Annotated[
    str | None,
    typer.Option(
        metavar="KEYS",
        help="Toggle with this key, like <ctrl>+<alt>+d (X11, Wayland; else the extra hotkey).",
        rich_help_panel=KEYS,
        show_default=False,
    ),
]
PushToTalk = Annotated[
    str | None,
    typer.Option(
        metavar="KEYS",
        help="Listen while this key is held, like <f9> (X11, Wayland; else the extra hotkey).",
        rich_help_panel=KEYS,
        show_default=False,
    ),
]
Sounds = Annotated[
    bool,
    typer.Option(
        "--sounds",
        help="Play a tone when listening starts and ends.",
        rich_help_panel=NOTICES,
    ),
]
Notices = Annotated[
    bool,
    typer.Option("--notices", help="Announce it on the desktop.", rich_help_panel=NOTICES),
]

# Options of `parakeet dictate` may follow the verb.
_ANY_OPTION = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_daemon_verbs(app: typer.Typer) -> None:
    """Add the verbs to `parakeet dictate`."""

    @app.command("start", context_settings=_ANY_OPTION)
    def start(
        context: typer.Context,
        idle: Annotated[bool, typer.Option("--idle", help="Don't listen yet.")] = False,
        foreground: Annotated[
            bool, typer.Option("--foreground", help="Run in this process, as systemd needs it.")
        ] = False,
        profile: Profile = None,
        idle_unload: IdleUnload = None,
        hotkey: Hotkey = None,
        push_to_talk: PushToTalk = None,
        sounds: Sounds = False,
        notices: Notices = False,
    ) -> int:
        """Listen, in a background process that stays ready.

        Takes the options of `parakeet dictate` as well. Without --sink it types.
        """
        from parakeet_cli.cli.dictate.daemon_run import run_start

        return run_start(context)

    @app.command("stop")
    def stop(
        end: Annotated[bool, typer.Option("--quit", help="End the process too.")] = False,
        json: Json = False,
    ) -> int:
        """Stop listening, and wait until the text is inserted."""
        from parakeet_cli.cli.dictate.daemon_run import run_verb

        return run_verb("quit" if end else "stop", as_json=json)

    @app.command("toggle", context_settings=_ANY_OPTION)
    def toggle(
        context: typer.Context,
        json: Json = False,
        profile: Profile = None,
        idle_unload: IdleUnload = None,
        hotkey: Hotkey = None,
        push_to_talk: PushToTalk = None,
        sounds: Sounds = False,
        notices: Notices = False,
    ) -> int:
        """Start or stop listening, whichever is next: one key for both.

        Starts the background process if there is none, and then takes the options of
        `parakeet dictate start` and of `parakeet dictate`.
        """
        from parakeet_cli.cli.dictate.daemon_run import run_toggle

        return run_toggle(context, as_json=json)

    @app.command("cancel")
    def cancel(json: Json = False) -> int:
        """Stop listening, and drop the text that was not inserted yet."""
        from parakeet_cli.cli.dictate.daemon_run import run_verb

        return run_verb("cancel", as_json=json)

    @app.command("status")
    def status(json: Json = False) -> int:
        """Show what the background process does; exit code 1 if there is none."""
        from parakeet_cli.cli.dictate.daemon_run import run_status

        return run_status(as_json=json)
