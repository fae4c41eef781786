"""The Python API: what other programs may import, and what stays as it is.

    from parakeet_cli.api import to_format, transcribe

    transcript = transcribe("talk.mp3")
    print(transcript.text)
    print(to_format(transcript, "srt"))

Settings come from the arguments, else from the environment and config.json, as they do for
`parakeet transcribe`. Nothing is printed. docs/api.md has more examples; nothing else of the
package is promised to programs.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Real
from threading import RLock
from typing import TYPE_CHECKING, TypedDict, Unpack

from parakeet_cli.errors import (
    ConfigError,
    EngineUnavailable,
    ParakeetError,
    TranscriptionError,
    UsageError,
)
from parakeet_cli.transcript import (
    Accounting,
    Alignment,
    ChannelAccount,
    DifferentWord,
    Doubt,
    EngineInfo,
    LostInterval,
    MissingWord,
    Segment,
    Source,
    Status,
    StreamInfo,
    Transcript,
    Word,
)

if TYPE_CHECKING:
    from parakeet_cli.config.settings import Settings
    from parakeet_cli.engines.base import Engine
    from parakeet_cli.transcribe.diarizers import Diarizer
    from parakeet_cli.transcribe.inputs.find import Job
    from parakeet_cli.transcribe.pipeline.options import PipelineOptions
    from parakeet_cli.transcribe.pipeline.progress import ProgressView

__all__ = [
    "Accounting",
    "Alignment",
    "ChannelAccount",
    "ConfigError",
    "DifferentWord",
    "Doubt",
    "EngineInfo",
    "EngineUnavailable",
    "Layout",
    "LostInterval",
    "MissingWord",
    "Options",
    "ParakeetError",
    "Segment",
    "Source",
    "Status",
    "StreamInfo",
    "Transcriber",
    "Transcript",
    "TranscriptionError",
    "UsageError",
    "Word",
    "format_names",
    "to_format",
    "transcribe",
]

Progress = Callable[[float], object]  # gets the seconds that are transcribed


class Options(TypedDict, total=False):
    """What can be asked, each by the name of its option with underscores.

    What isn't given is as the environment and config.json have it, else the default.
    """

    engine: str  # auto, whisper, onnx, nemo, mock
    model: str  # an alias, a hub id or a path
    device: str  # auto, cpu, cuda, cuda:N
    language: str  # a code, `de`; without it, the language is detected
    beam_size: int
    threads: int
    offline: bool  # download nothing
    ml_python: str  # the Python of the ML stack, for nemo
    task: str  # transcribe, or translate into English
    initial_prompt: str
    temperature: float
    condition_on_previous_text: bool
    suppress_numerals: bool
    compute_type: str
    vocabulary: str | Sequence[str]  # words to expect: a file with a term in each line, or terms
    hotwords: str  # more of them, "PyTorch, Zoë"
    vad_threshold: float
    vad_min_silence: float  # seconds
    vad: bool  # leave out what isn't speech (default: true)
    channel: int  # from 0; without it, the mean of all
    channels: str  # "split": each is transcribed by itself, as a speaker each
    audio_stream: int  # from 0; without it, the file's default
    speakers: int | str | bool  # say who spoke: True, 3 or "2-5" (not with channels)
    speakers_model: str  # what tells them apart: cam++ (default), sortformer or a .nemo
    speaker_names: str  # a TOML file with names for them: "Speaker 1" = "Anna"
    align: str  # a file with the text of the recording, to be put on the clock
    config: str  # a configuration file in the place of the usual one


class Layout(TypedDict, total=False):
    """How subtitles are laid out, as by the options of the command."""

    max_line_width: int
    max_line_count: int
    max_words_per_line: int
    highlight_words: bool


# The options that are no settings, with their defaults.
_OF_THE_PIPELINE = {"vad": True, "channel": None, "audio_stream": None}


def transcribe(path: str | os.PathLike[str], **options: Unpack[Options]) -> Transcript:
    """The transcript of one recording; its `status` is `partial` if some of it was lost.

    A model is loaded for each call: `Transcriber` keeps it. Raises what `Transcriber` raises.
    """
    with Transcriber(**options) as transcriber:
        return transcriber.transcribe(path)


class Transcriber:
    """Transcribes one recording after the other with one engine, which stays loaded.

    The engine is chosen at once and loaded by the first recording. Threads may share it; they take
    turns. Raises UsageError for what can't be asked, ConfigError for a configuration that is
    wrong, and EngineUnavailable.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._lock = RLock()
        self._busy = False
        self._settings = _settings(options)
        self._pipeline = _pipeline_options(options, self._settings)
        self._kept, self._diarizer = _kept_engine(self._settings, self._pipeline)

    def __enter__(self) -> Transcriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def engine(self) -> EngineInfo:
        """The engine and its model."""
        return self._kept.info

    def transcribe(
        self,
        path: str | os.PathLike[str],
        *,
        offset: float = 0.0,
        duration: float | None = None,
        on_progress: Progress | None = None,
    ) -> Transcript:
        """The transcript of a recording, or of `duration` seconds of it from `offset` on.

        Times are on the recording's own clock. `on_progress` is called in this thread. Raises
        TranscriptionError for a recording that can't be read or transcribed, EngineUnavailable for
        an engine or a model that can't be used, UsageError for a part that can't be.
        """
        from parakeet_cli.transcribe.inputs.find import Job
        from parakeet_cli.transcribe.inputs.storage import to_place

        _check_seconds(offset=offset, duration=duration)
        name = os.fsdecode(path)
        with self._turn():
            return self._transcribe(Job(name, to_place(name), "", offset, duration), on_progress)

    def _transcribe(self, job: Job, on_progress: Progress | None) -> Transcript:
        from parakeet_cli.transcribe.outputs.plan import PlannedFile
        from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs

        view = _progress_view(on_progress)
        (result,) = transcribe_jobs(
            [PlannedFile(job, ())], self._kept, self._pipeline, view, diarizer=self._diarizer
        )
        if result.transcript is None or result.status is Status.FAILED:
            raise TranscriptionError(result.reason or "It failed.", hint=result.hint)
        return result.transcript

    def close(self) -> None:
        """Free the model. The next recording would load it again."""
        from parakeet_cli.engines.kept import release

        with self._turn():
            release(self._kept)
            if self._diarizer is not None:
                self._diarizer.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread uses the engine. Raises UsageError if this one does."""
        with self._lock:
            if self._busy:
                raise UsageError(
                    "A Transcriber can't be used by its own on_progress.",
                    hint="Use it when `transcribe` has returned, or make another one.",
                )
            self._busy = True
            try:
                yield
            finally:
                self._busy = False


def to_format(transcript: Transcript, name: str, **layout: Unpack[Layout]) -> str:
    """The transcript as the text of a file: `srt`, `json`, ... (`format_names()` has them all).

    Raises UsageError for an unknown format or a layout that can't be.
    """
    from parakeet_cli.formats import FORMATS, FormatOptions, expand_formats

    if name not in FORMATS:
        expand_formats((name,))  # which says what there is
    _refuse_unknown(layout, Layout)
    return FORMATS[name].render(transcript, FormatOptions(**layout))


def format_names() -> tuple[str, ...]:
    """The formats that `to_format` writes."""
    from parakeet_cli.formats import FORMATS

    return tuple(FORMATS)


def _check_seconds(**given: object) -> None:
    """Raise UsageError for a time that isn't one."""
    for name, value in given.items():
        if value is None:
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, Real)
            or not 0 <= float(value) < math.inf
        ):
            raise UsageError(f"{name} must be a number of seconds from 0, not {value!r}.")


def _progress_view(on_progress: Progress | None) -> ProgressView:
    from parakeet_cli.transcribe.pipeline.progress import SilentView

    class View(SilentView):
        def advanced(self, job: Job, seconds: float) -> None:
            if on_progress is not None:
                on_progress(seconds)

    return View()


def _settings(options: Options) -> Settings:
    from parakeet_cli.config import load_settings
    from parakeet_cli.config.settings import SETTINGS
    from parakeet_cli.vocabulary.terms import read_vocabulary

    _refuse_unknown(options, Options)
    given = {name: value for name, value in options.items() if name in SETTINGS}
    if "speakers" in given:
        given["speakers"] = _speakers(options["speakers"])
    if isinstance(given.get("vocabulary"), str):
        given["vocabulary"] = read_vocabulary(str(given["vocabulary"]))
    settings = load_settings(given, config=options.get("config"))
    for warning in settings.warnings:
        warnings.warn(warning, stacklevel=4)
    return settings


def _speakers(value: int | str | bool) -> str | None:
    """The setting that the argument `speakers` stands for; False is as if it weren't given."""
    if isinstance(value, bool):
        return "auto" if value else None
    return str(value)


def _refuse_unknown(given: object, known: type) -> None:
    """Raise TypeError for a name that the dictionary's type lacks, as Python does."""
    assert isinstance(given, dict)
    for name in given:
        if name not in known.__annotations__:
            raise TypeError(f"'{name}' is an unexpected keyword argument.")


def _pipeline_options(options: Options, settings: Settings) -> PipelineOptions:
    from parakeet_cli.audio.segment.pauses import SpeechLimits
    from parakeet_cli.speakers.names import NO_NAMES, read_names
    from parakeet_cli.transcribe.align.words import read_text
    from parakeet_cli.transcribe.pipeline.options import PipelineOptions
    from parakeet_cli.transcribe.request import (
        refuse_contradictions,
        refuse_names_alone,
        refuse_unfit_speakers_model,
    )

    text, channels = options.get("align"), options.get("channels")
    speakers = settings.speakers if options.get("speakers") else None
    refuse_contradictions(channels, options.get("channel"), text, speakers=speakers)
    names = options.get("speaker_names")
    refuse_names_alone(names, speakers=bool(settings.speakers or channels))
    count = settings.speaker_count if channels is None else None
    refuse_unfit_speakers_model(options.get("speakers_model"), settings.speakers_model, count)
    given = {name: options.get(name, usual) for name, usual in _OF_THE_PIPELINE.items()}
    return PipelineOptions(
        language=settings.language,
        split_channels=channels is not None,
        speakers=count,
        speakers_model=settings.speakers_model,
        speaker_names=read_names(names) if names is not None else NO_NAMES,
        vocabulary=settings.terms,
        align=read_text(text) if text is not None else None,
        speech=SpeechLimits(settings.vad_threshold, settings.vad_min_silence),
        **given,  # type: ignore[arg-type]
    )


def _kept_engine(settings: Settings, options: PipelineOptions) -> tuple[Engine, Diarizer | None]:
    """The engine, and what tells speakers apart if they are asked for; both stay loaded."""
    from parakeet_cli.engine_setup import choose_engine, engine_options
    from parakeet_cli.engines.kept import keep
    from parakeet_cli.engines.registry import make_engine
    from parakeet_cli.transcribe.diarizers import make_diarizer
    from parakeet_cli.transcribe.workers.worker import MAX_CONCURRENCY

    choice = choose_engine(settings)
    quiet = replace(engine_options(settings, text=options.given_words), progress=False)
    engine = make_engine(choice.name, quiet, concurrency=MAX_CONCURRENCY)
    diarizer = make_diarizer(options.speakers_model, quiet, options.speakers)
    return keep(engine), diarizer
