"""The options that several commands share, and how help lists the rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from parakeet_cli.engines.registry import engine_help
from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from parakeet_cli.config.settings import Settings

AUDIO_PANEL = "Audio"
ENGINE_PANEL = "Engine"
DECODING_PANEL = "Decoding (Whisper)"
MESSAGES_PANEL = "Messages"


def with_rows(summary: str, rows: Mapping[str, str]) -> str:
    """An option's help, with a line for each value that it takes and what that means."""
    width = max(map(len, rows))
    lines = "\n".join(f"{value:{width}}  {meaning}" for value, meaning in rows.items())
    return f"{summary}\n\n\b\n{lines}"  # \b: Typer keeps the lines of this paragraph


Speakers = Annotated[
    str | None,
    typer.Option(
        metavar="[N|N-M]",
        help="Say who spoke; N or N-M is how many speakers there are.",
        rich_help_panel=AUDIO_PANEL,
        show_default=False,
    ),
]
SpeakersModel = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="What tells them apart: cam++, or sortformer (NeMo 3.0; 4 speakers at most).",
        rich_help_panel=AUDIO_PANEL,
        show_default="cam++",
    ),
]
SpeakerNames = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help='Names of speakers, in TOML: "Speaker 1" = "Anna".',
        rich_help_panel=AUDIO_PANEL,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        help=with_rows("What transcribes.", engine_help()),
        autocompletion=lambda: list(engine_help().items()),
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
    typer.Option(
        help="How many beams the search has.",
        show_default="5",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        metavar="TASK",
        help="transcribe, or translate into English.",
        show_default="transcribe",
        rich_help_panel=DECODING_PANEL,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        metavar="T",
        help="Where sampling starts, 0 to 1.",
        show_default="0, a beam search",
        rich_help_panel=DECODING_PANEL,
    ),
]
InitialPrompt = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Text before the first, for names and style.",
        show_default=False,
        rich_help_panel=DECODING_PANEL,
    ),
]
ConditionOnPreviousText = Annotated[
    bool | None,
    typer.Option(
        "--condition-on-previous-text",
        help="Prompt each part with the text before it.",
        show_default=False,
        rich_help_panel=DECODING_PANEL,
    ),
]
# What `--condition_on_previous_text False` becomes, where config.json says true.
NoConditionOnPreviousText = Annotated[
    bool, typer.Option("--no-condition-on-previous-text", hidden=True)
]
SuppressNumerals = Annotated[
    bool | None,
    typer.Option(
        "--suppress-numerals",
        help="Write numbers in words.",
        show_default=False,
        rich_help_panel=DECODING_PANEL,
    ),
]
ComputeType = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="The precision, e.g. int8, float16, float32.",
        show_default="int8 on a CPU, float16 on a GPU",
        rich_help_panel=DECODING_PANEL,
    ),
]
Vocabulary = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Words to expect: a name or term in each line, as it is written.",
        show_default=False,
        rich_help_panel=ENGINE_PANEL,
    ),
]
Hotwords = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS",
        help='A few of them: "PyTorch, Kubernetes".',
        show_default=False,
        rich_help_panel=ENGINE_PANEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(help="How many cores to use.", show_default="all", rich_help_panel=ENGINE_PANEL),
]
MlPython = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="The Python of the ML stack, for nemo.",
        show_default="the one that runs parakeet",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Offline = Annotated[
    bool | None,
    typer.Option(
        "--offline",
        help="Download nothing from a model hub.",
        show_default=False,
        rich_help_panel=ENGINE_PANEL,
    ),
]
TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model",
        help="Load a model file even if it could run code.",
        rich_help_panel=ENGINE_PANEL,
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Read this configuration file.", rich_help_panel=MESSAGES_PANEL
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print only errors on stderr.", rich_help_panel=MESSAGES_PANEL
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Print more on stderr.", rich_help_panel=MESSAGES_PANEL),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug", help="Print the traceback of an error.", rich_help_panel=MESSAGES_PANEL
    ),
]
NoProgress = Annotated[
    bool,
    typer.Option("--no-progress", help="Draw no progress bar.", rich_help_panel=MESSAGES_PANEL),
]

_ENGINE_SETTINGS = (
    "engine",
    "model",
    "device",
    "language",
    "beam_size",
    "threads",
    "offline",
    "ml_python",
    "hotwords",
)
# Those that `parakeet transcribe` has as options, and other commands in config.json alone.
_DECODING_SETTINGS = (
    "task",
    "initial_prompt",
    "temperature",
    "condition_on_previous_text",
    "suppress_numerals",
    "compute_type",
    "vad_threshold",
    "vad_min_silence",
    "speakers",
    "speakers_model",
)


def settings_of(
    context: typer.Context, *, dictation: bool = False, profile: str | None = None
) -> Settings:
    """The settings of a command with the engine's options. Raises ConfigError.

    With `dictation` also those for dictation, and of that profile.
    """
    from parakeet_cli.config import load_settings
    from parakeet_cli.vocabulary.terms import read_vocabulary

    given = {name: context.params.get(name) for name in _ENGINE_SETTINGS}
    given |= {name: context.params.get(name) for name in _DECODING_SETTINGS}
    if context.params.get("vocabulary") is not None:
        given["vocabulary"] = read_vocabulary(context.params["vocabulary"])
    if context.params.get("no_condition_on_previous_text"):
        given["condition_on_previous_text"] = False
    config = context.params["config"]
    return load_settings(given, config=config, dictation=dictation, profile=profile)


def seconds(option: str, text: str) -> float:
    """An option's seconds, from `25`, `25s`, `1.5` or `2m`. Raises UsageError."""
    number, minutes = text.strip().lower(), 1.0
    if number.endswith(("s", "m")):
        number, minutes = number[:-1], 60.0 if number.endswith("m") else 1.0
    try:
        value = float(number) * minutes
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise UsageError(f"{option} {text}: it must be a number of seconds, such as 25, 25s or 2m.")
    return value
