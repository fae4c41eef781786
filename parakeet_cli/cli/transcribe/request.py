"""Makes a `TranscribeRequest` of the command's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.cli.options import seconds
from parakeet_cli.cli.transcribe.progress import ProgressForm
from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import UsageError
from parakeet_cli.formats import FormatOptions
from parakeet_cli.speakers.names import NO_NAMES, read_names
from parakeet_cli.transcribe.align.words import read_text
from parakeet_cli.transcribe.inputs.streams import parse_audio_stream
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.request import (
    TranscribeRequest,
    refuse_contradictions,
    refuse_names_alone,
    refuse_unfit_speakers_model,
)
from parakeet_cli.transcribe.watch.options import WatchOptions

# Options that are fields of the same name.
_FIELDS = (
    "all_files",
    "manifest_out",
    "allow_partial",
    "dry_run",
    "trust_model",
    "run",
    "retry_failed",
    "yes",
    "shard",
    "workers",
    "feeders",
    "ray",
    "ray_address",
    "log",
)
_LAYOUT = ("max_line_width", "max_line_count", "max_words_per_line", "highlight_words")


def request_of(given: Mapping[str, Any], settings: Settings) -> TranscribeRequest:
    """The request that the options make, by their parameters' names. Raises UsageError."""
    refuse_contradictions(
        given["channels"], given["channel"], given["align"], speakers=given["speakers"]
    )
    speakers = settings.speaker_count if given["channels"] is None else None
    names = given["speaker_names"]
    refuse_names_alone(names, speakers=bool(speakers or given["channels"]))
    refuse_unfit_speakers_model(given["speakers_model"], settings.speakers_model, speakers)
    stream_number, every_stream = parse_audio_stream(given["audio_stream"])
    format_options = FormatOptions(
        **{name: given[name] for name in _LAYOUT}, link_audio=given["html_link_audio"]
    )
    return TranscribeRequest(
        inputs=tuple(given["inputs"] or filter(None, [given["watch"]])),
        every_stream=every_stream,
        formats=tuple(given["output_format"] or ()),
        folder=given["output_dir"],
        template=given["output_template"],
        grace=seconds("--grace", given["grace"]),
        wait=seconds("--wait", given["wait"]),
        progress=_progress_form(given["progress"]),
        options=PipelineOptions(
            audio_stream=stream_number,
            language=settings.language,
            channel=given["channel"],
            split_channels=given["channels"] is not None,
            speakers=speakers,
            speakers_model=settings.speakers_model,
            speaker_names=NO_NAMES if names is None else read_names(names),
            vad=given["vad"],
            speech=SpeechLimits(settings.vad_threshold, settings.vad_min_silence),
            vocabulary=settings.terms,
            align=read_text(given["align"]) if given["align"] is not None else None,
            skip_existing=given["skip_existing"],
            accept_partial=given["allow_partial"],
            overwrite=given["overwrite"],
            format_options=format_options,
        ),
        **{name: given[name] for name in _FIELDS},
    )


def watch_of(given: Mapping[str, Any]) -> WatchOptions | None:
    """What is to be watched; None if nothing is. Raises UsageError."""
    if given["watch"] is None:
        for name in ("settle", "then", "then_timeout", "install_service"):
            if given[name]:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} needs --watch DIR, which names the folder to watch.")
        return None
    if given["inputs"]:
        raise UsageError(
            f"--watch {given['watch']} takes no other inputs: leave out {given['inputs'][0]}.",
            hint="What is in the folder already is transcribed, too.",
        )
    if given["then_timeout"] is not None and given["then"] is None:
        raise UsageError("--then-timeout needs --then CMD, the command that it limits.")
    options = WatchOptions(given["watch"], then=given["then"])
    if given["settle"] is not None:
        options = replace(options, settle=seconds("--settle", given["settle"]))
    if given["then_timeout"] is not None:
        options = replace(options, then_limit=seconds("--then-timeout", given["then_timeout"]))
    return options


def _progress_form(text: str) -> str:
    if text not in list(ProgressForm):
        forms = ", ".join(ProgressForm)
        raise UsageError(f"--progress {text}: it must be one of {forms}.")
    return text
