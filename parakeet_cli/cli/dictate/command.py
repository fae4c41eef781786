"""Defines `parakeet dictate`: its options, and the verb `history`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from parakeet_cli.cli import options
from parakeet_cli.cli.dictate.daemon_command import Profile, add_daemon_verbs
from parakeet_cli.dictate.sinks import complete_sink, sink_help

Fillers = Literal["keep", "drop"]

AUDIO = "Audio"
TEXT = "Text"
OUTPUT = "Output"

dictate_app = typer.Typer(invoke_without_command=True)


@dictate_app.callback()
def dictate(
    context: typer.Context,
    input_device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|INDEX",
            help="The microphone: its number, or a part of its name.",
            show_default="the system's",
            rich_help_panel=AUDIO,
        ),
    ] = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="List the microphones.", rich_help_panel=AUDIO)
    ] = False,
    from_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Play a media file as the microphone.",
            show_default=False,
            rich_help_panel=AUDIO,
        ),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Play the file as fast as possible.", rich_help_panel=AUDIO),
    ] = False,
    pre_roll: Annotated[
        bool,
        typer.Option(
            "--pre-roll",
            help="With `start` and `toggle`: hold the last half second in memory all the time.",
            rich_help_panel=AUDIO,
        ),
    ] = False,
    pause_players: Annotated[
        bool,
        typer.Option(
            "--pause-players",
            help="Pause what other programs play while it listens (Linux).",
            rich_help_panel=AUDIO,
        ),
    ] = False,
    max_silence: Annotated[
        float,
        typer.Option(
            min=0.1, help="Seconds of silence that end an utterance.", rich_help_panel=AUDIO
        ),
    ] = 0.6,
    duration: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="End after this many seconds.", show_default=False, rich_help_panel=AUDIO
        ),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            "--sink",
            metavar="SINK",
            help=options.with_rows("Where the text goes; repeatable.", sink_help()),
            autocompletion=complete_sink,
            show_default="stdout",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print events, one JSON object a line.")
    ] = False,
    no_partials: Annotated[
        bool,
        typer.Option("--no-partials", help="Show only final text.", rich_help_panel=TEXT),
    ] = False,
    commands: Annotated[
        bool,
        typer.Option(help='Act on "new line", "scratch that" and so on.', rich_help_panel=TEXT),
    ] = True,
    digits: Annotated[
        bool,
        typer.Option(
            "--digits", help="Write numbers in digits (the extra 'digits').", rich_help_panel=TEXT
        ),
    ] = False,
    fillers: Annotated[
        Fillers,
        typer.Option(help='What to do with "um" and "uh".', rich_help_panel=TEXT),
    ] = "keep",
    filter: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            "--filter",
            metavar="CMD",
            help="Have this command rewrite each text: from stdin to stdout.",
            show_default=False,
            rich_help_panel=TEXT,
        ),
    ] = None,
    enter: Annotated[
        bool,
        typer.Option("--enter", help="Press Return at the end.", rich_help_panel=OUTPUT),
    ] = False,
    stop_after_silence: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help="End after this time without speech.",
            show_default="never",
            rich_help_panel=AUDIO,
        ),
    ] = None,
    overlay: Annotated[
        bool,
        typer.Option(
            "--overlay",
            help="With `start` and `toggle`: show state and text in a line over the desktop.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    keep_audio: Annotated[
        bool,
        typer.Option(
            "--keep-audio", help="Keep the sound for `history --again`.", rich_help_panel=OUTPUT
        ),
    ] = False,
    keep_audio_days: Annotated[
        float,
        typer.Option(
            metavar="DAYS", min=0.01, help="Delete it after so long.", rich_help_panel=OUTPUT
        ),
    ] = 7.0,
    profile: Profile = None,
    recover: Annotated[
        bool,
        typer.Option("--recover", help="Deliver what earlier dictations could not."),
    ] = False,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Keep no history of this dictation.")
    ] = False,
    engine: options.Engine = None,
    model: options.Model = None,
    device: options.Device = None,
    language: options.Language = None,
    beam_size: options.BeamSize = None,
    threads: options.Threads = None,
    offline: options.Offline = None,
    ml_python: options.MlPython = None,
    vocabulary: options.Vocabulary = None,
    hotwords: options.Hotwords = None,
    trust_model: options.TrustModel = False,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Write down speech from a microphone, live. Ctrl-C finishes the last words."""
    from parakeet_cli.cli.dictate.request import make_request

    context.obj = request = make_request(context)
    if context.invoked_subcommand is not None:
        return
    if list_devices:
        from parakeet_cli.cli.dictate.listings import print_devices

        raise typer.Exit(print_devices(as_json=request.json))
    from parakeet_cli.cli.dictate.run import run_dictate

    raise typer.Exit(run_dictate(request))


@dictate_app.command("history")
def history(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 20,
    clear: Annotated[bool, typer.Option("--clear", help="Delete the history.")] = False,
    again: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Transcribe again the N-th last utterance whose sound was kept (--keep-audio).",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
) -> None:
    """Show the last utterances, and which of them were not inserted."""
    from parakeet_cli.cli.dictate.listings import clear_history, print_history

    if clear:
        clear_history()
        return
    if again is not None:
        from parakeet_cli.cli.dictate.again import transcribe_again

        transcribe_again(context.obj, again)
        return
    print_history(count, as_json=json or context.obj.json)


add_daemon_verbs(dictate_app)
