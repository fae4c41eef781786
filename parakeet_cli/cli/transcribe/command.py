"""Defines `parakeet transcribe`: its options, and the request that they make."""

from __future__ import annotations

from typing import Annotated

import typer

from parakeet_cli.cli import options
from parakeet_cli.errors import UsageError
from parakeet_cli.formats import ALL, FORMATS

OUTPUT = "Output"
BATCH = "Batch"
WATCH = "Watched folder"
SUBTITLES = "Subtitles"

_FORMATS = {**{name: row.help for name, row in FORMATS.items()}, ALL: "each of these"}

_PROGRESS = {
    "auto": "a bar on a terminal, else lines",
    "lines": "a line each 30 s and each 5 %",
    "json": "an object a line, for programs",
    "none": "nothing",
}


def transcribe(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Media files, folders, quoted globs, NeMo manifests (.jsonl), or - for stdin.",
            show_default=False,
        ),
    ] = None,
    all_files: Annotated[
        bool,
        typer.Option(
            "--all-files",
            help="Try every file of a folder, whatever its suffix.",
            rich_help_panel=BATCH,
        ),
    ] = False,
    output_format: Annotated[
        list[str] | None,
        typer.Option(
            "--output-format",
            "-f",
            metavar="FORMAT",
            help=options.with_rows("Repeatable; without it, text goes to stdout.", _FORMATS),
            autocompletion=lambda: list(_FORMATS.items()),
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    output_dir: Annotated[
        str | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            help="Folder for the outputs, or - for stdout. Without -f, it means -f txt.",
            rich_help_panel=OUTPUT,
            show_default="the working directory",
        ),
    ] = None,
    output_template: Annotated[
        str,
        typer.Option(
            help="Name of each output, of {filename}, {parent}, {index} and {date}.",
            rich_help_panel=OUTPUT,
        ),
    ] = "{filename}",
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Skip files whose outputs exist.", rich_help_panel=OUTPUT
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace existing outputs.", rich_help_panel=OUTPUT),
    ] = False,
    manifest_out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write a NeMo manifest of the results.",
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Put the words of this text on the clock of one recording.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    allow_partial: Annotated[
        bool,
        typer.Option(
            "--allow-partial",
            help="Exit 0 even if parts of a file were lost.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would be done, and do nothing.", rich_help_panel=BATCH
        ),
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Keep a journal there, so that the same command resumes where it was stopped.",
            rich_help_panel=BATCH,
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="With --run: try failed and partial files again.",
            rich_help_panel=BATCH,
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="With --run: don't ask before done files are transcribed again.",
            rich_help_panel=BATCH,
        ),
    ] = False,
    status: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Print how far a run is.", rich_help_panel=BATCH),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="With --status: print JSON.", rich_help_panel=BATCH)
    ] = False,
    watch: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="With --run: transcribe what arrives in this folder, until Ctrl-C or SIGTERM.",
            rich_help_panel=WATCH,
        ),
    ] = None,
    settle: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="How long a file must be unchanged before it is taken to be whole.",
            show_default="3s",
            rich_help_panel=WATCH,
        ),
    ] = None,
    then: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help="Run this for each transcript, with the paths of its outputs as arguments.",
            rich_help_panel=WATCH,
        ),
    ] = None,
    then_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="How long --then may take for a transcript.",
            show_default="5m",
            rich_help_panel=WATCH,
        ),
    ] = None,
    install_service: Annotated[
        bool,
        typer.Option(
            "--install-service",
            help="Make this watch a service of systemd for your user, and start it.",
            rich_help_panel=WATCH,
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Only the I-th of N parts of the inputs.", rich_help_panel=BATCH
        ),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="How many worker processes, each with its engine.",
            show_default="1; with --ray, auto",
            rich_help_panel=BATCH,
        ),
    ] = None,
    feeders: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="How many processes decode and cut in front of each engine. auto: one for an "
            "engine on the CPU, for one on a GPU its share of the cores, at most 16.",
            rich_help_panel=BATCH,
        ),
    ] = "auto",
    ray: Annotated[
        bool,
        typer.Option("--ray", help="Distribute the work with Ray.", rich_help_panel=BATCH),
    ] = False,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The Ray cluster: auto, HOST:PORT, ray://HOST:PORT.",
            show_default="this machine",
            rich_help_panel=BATCH,
        ),
    ] = None,
    wait: Annotated[
        str,
        typer.Option(
            metavar="SECONDS",
            help="If a disk is full or a storage is lost: how long until it is tried again.",
            rich_help_panel=BATCH,
        ),
    ] = "30s",
    grace: Annotated[
        str,
        typer.Option(
            metavar="SECONDS",
            help="At SIGTERM and SIGHUP: how long what was begun may take to be finished.",
            rich_help_panel=BATCH,
        ),
    ] = "25s",
    progress: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help=options.with_rows("How progress is shown, on stderr.", _PROGRESS),
            autocompletion=lambda: list(_PROGRESS.items()),
            rich_help_panel=options.MESSAGES_PANEL,
        ),
    ] = "auto",
    log: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Add all messages there, and a line for each file.",
            rich_help_panel=options.MESSAGES_PANEL,
        ),
    ] = None,
    html_link_audio: Annotated[
        bool,
        typer.Option(
            "--html-link-audio",
            help="Link the recording from the html page instead of embedding it.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    max_line_width: Annotated[
        int, typer.Option(min=1, help="Columns per line.", rich_help_panel=SUBTITLES)
    ] = 42,
    max_line_count: Annotated[
        int, typer.Option(min=1, help="Lines per cue.", rich_help_panel=SUBTITLES)
    ] = 2,
    max_words_per_line: Annotated[
        int | None,
        typer.Option(min=1, help="Words per cue.", rich_help_panel=SUBTITLES, show_default="any"),
    ] = None,
    highlight_words: Annotated[
        bool,
        typer.Option(
            "--highlight-words",
            help="Mark each word as it is spoken.",
            rich_help_panel=SUBTITLES,
        ),
    ] = False,
    audio_stream: Annotated[
        str | None,
        typer.Option(
            metavar="INDEX|all",
            help="Which audio stream, from 0, or each by itself.",
            rich_help_panel=options.AUDIO_PANEL,
            show_default="the file's default, or the one in --language",
        ),
    ] = None,
    channel: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Which channel, from 0.",
            rich_help_panel=options.AUDIO_PANEL,
            show_default="all, averaged",
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="split",
            help="Transcribe each channel by itself, as a speaker each.",
            rich_help_panel=options.AUDIO_PANEL,
        ),
    ] = None,
    speakers: options.Speakers = None,
    speakers_model: options.SpeakersModel = None,
    speaker_names: options.SpeakerNames = None,
    vad: Annotated[
        bool,
        typer.Option(
            "--vad/--no-vad",
            help="Skip everything that isn't speech.",
            rich_help_panel=options.AUDIO_PANEL,
        ),
    ] = True,
    vad_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="The probability from which sound is speech.",
            show_default="0.5",
            rich_help_panel=options.AUDIO_PANEL,
        ),
    ] = None,
    vad_min_silence: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long a silence must be to be left out.",
            show_default="2",
            rich_help_panel=options.AUDIO_PANEL,
        ),
    ] = None,
    engine: options.Engine = None,
    model: options.Model = None,
    device: options.Device = None,
    language: options.Language = None,
    beam_size: options.BeamSize = None,
    threads: options.Threads = None,
    offline: options.Offline = None,
    trust_model: options.TrustModel = False,
    ml_python: options.MlPython = None,
    vocabulary: options.Vocabulary = None,
    hotwords: options.Hotwords = None,
    task: options.Task = None,
    temperature: options.Temperature = None,
    initial_prompt: options.InitialPrompt = None,
    condition_on_previous_text: options.ConditionOnPreviousText = None,
    no_condition_on_previous_text: options.NoConditionOnPreviousText = False,
    suppress_numerals: options.SuppressNumerals = None,
    compute_type: options.ComputeType = None,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
    no_progress: options.NoProgress = False,
) -> int:
    """Turn recordings into text, subtitles or JSON.

    Text goes to stdout and everything else to stderr. Exit codes: 0 all done,
    1 one or more files failed or are partial, 2 usage, 3 the engine or model
    can't be used, 4 a disk, storage or network failed, 130 interrupted (143 by
    SIGTERM, 129 by SIGHUP).
    """
    from parakeet_cli.system.processes import raise_on_termination

    raise_on_termination()
    from parakeet_cli import console
    from parakeet_cli.cli.transcribe.family import FAMILY_NOTES

    console.set_verbosity(console.Verbosity(quiet, verbose, debug, not no_progress))
    if status is not None:
        from parakeet_cli.cli.transcribe.status import show_status

        return show_status(status, as_json=json)
    if watch is None and not inputs:
        raise UsageError("Name what to transcribe: files, folders, a manifest, or - for stdin.")
    for note in context.meta.get(FAMILY_NOTES, ()):
        console.info(note)
    from parakeet_cli.cli.transcribe.request import request_of, watch_of
    from parakeet_cli.cli.transcribe.run import transcribe_request
    from parakeet_cli.cli.transcribe.watch import watch_folder

    settings = options.settings_of(context)
    request, watched = request_of(context.params, settings), watch_of(context.params)
    if watched is not None:
        return watch_folder(request, watched, settings, install=install_service)
    return transcribe_request(request, settings)
