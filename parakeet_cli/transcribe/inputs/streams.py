"""Makes a job of each audio stream of a recording, for `--audio-stream all`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from parakeet_cli.audio.decode.media import probe_streams
from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.transcribe.inputs.as_file import as_file
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import Url, is_regular
from parakeet_cli.transcript import StreamInfo

EVERY_STREAM = "all"


def parse_audio_stream(text: str | None) -> tuple[int | None, bool]:
    """From `--audio-stream`: the number of a stream, if it is one, and whether all are wanted.

    Raises UsageError.
    """
    if text is None:
        return None, False
    if text.strip().lower() == EVERY_STREAM:
        return None, True
    if not re.fullmatch(r"\d{1,6}", text.strip(), re.ASCII):
        raise UsageError(f"--audio-stream {text}: it must be a number from 0, or {EVERY_STREAM}.")
    return int(text), False


def with_every_stream(jobs: Iterable[Job]) -> list[Job]:
    """The jobs, each divided by its audio streams where it has several.

    An output's name gets the stream's number, and its language if the file names one:
    `film.0.eng.srt`. An object in a storage is fetched to find that out.
    """
    return [one for job in jobs for one in _by_stream(job)]


def _by_stream(job: Job) -> Iterator[Job]:
    streams = _streams(job)
    if len(streams) < 2:
        yield job
    for stream in streams if len(streams) > 1 else ():
        language = re.sub(r"[^\w-]", "", stream.language or "")
        label = f".{stream.index}" + (f".{language}" if language else "")
        yield job._replace(audio_stream=stream.index, label=label)


def _streams(job: Job) -> tuple[StreamInfo, ...]:
    """None for an input that can't be opened twice: its default stream is taken."""
    if job.error is not None or not (isinstance(job.path, Url) or is_regular(job.path)):
        return ()
    try:
        with as_file(job.path) as path:
            return probe_streams(path)
    except InputError:  # the attempt to transcribe it will say why
        return ()
