"""The results of jobs that aren't transcribed: refused, skipped or failed."""

from __future__ import annotations

from collections.abc import Sequence

from parakeet_cli import console
from parakeet_cli.errors import (
    PROGRAM_FAULT,
    InputError,
    ParakeetError,
    describe_unexpected,
    system_hint,
)
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of, obstacle_of_input
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcript import Alignment, FileResult, Status, StreamInfo, Transcript

_NAMED_WORDS = 10  # of a given text, where more aren't in the recording


def refusal(item: PlannedFile, options: PipelineOptions) -> FileResult | None:
    """The result of a job that isn't started, or None for a job that is."""
    job = item.job
    if job.error is not None:
        return failed(job, job.error)
    if item.replaces or options.overwrite or not item.existing:
        return None
    if options.skip_existing:
        if len(item.existing) < len(item.paths):
            return None
        return FileResult(job.name, Status.SKIPPED, reason="its outputs already exist")
    return FileResult(
        job.name,
        Status.FAILED,
        reason=f"{item.existing[0]} already exists.",
        hint="--skip-existing leaves it alone, --overwrite replaces it.",
    )


def streams_in_words(transcript: Transcript, *, chosen: bool) -> tuple[str, ...]:
    """Which of several audio streams was transcribed, and which there are beside it.

    Nothing if it was `chosen` as one of all of them, unless it has no speech.
    """
    streams, empty = transcript.source.streams, not transcript.text
    taken = next((one for one in streams if one.taken), None)
    if taken is None or len(streams) < 2 or (chosen and not empty):
        return ()
    others = ", ".join(_stream_in_words(one) for one in streams if not one.taken)
    found = "has no speech" if empty else "was transcribed"
    return (
        f"audio stream {_stream_in_words(taken)} {found}; there are others: {others}. "
        "--audio-stream N or all takes those.",
    )


def _stream_in_words(stream: StreamInfo) -> str:
    parts = (stream.language, stream.title, stream.codec, "default" if stream.default else None)
    return f"{stream.index} ({', '.join(part for part in parts if part)})"


def alignment_in_words(alignment: Alignment | None) -> tuple[str, ...]:
    """What of a given text isn't in the recording, for people."""
    if alignment is None:
        return ()
    notes = []
    if missing := alignment.missing:
        some = _some([f"“{word.text}” ({console.clock(word.start)})" for word in missing])
        verb = "isn't" if len(missing) == 1 else "aren't"
        notes.append(f"{_words(missing)} of {alignment.name} {verb} in it: {some}.")
    if different := alignment.different:
        some = _some([f"“{word.text}” (“{word.recognised}”)" for word in different])
        verb = "was" if len(different) == 1 else "were"
        notes.append(
            f"{_words(different)} of {alignment.name} {verb} recognised otherwise: {some}."
        )
    if extra := alignment.extra:
        some = _some([f"“{word.text}” ({console.clock(word.start)})" for word in extra])
        verb = "isn't" if len(extra) == 1 else "aren't"
        notes.append(f"{_words(extra)} of it {verb} in {alignment.name}: {some}.")
    return tuple(notes)


def channels_in_words(transcript: Transcript, *, split: bool) -> tuple[str, ...]:
    """What became of the channels, if each was to be transcribed by itself."""
    if not split:
        return ()
    if not transcript.channels:
        return ("it has one channel, and --channels split changes nothing.",)
    return tuple(
        f"{account.echoes} word{'s' * (account.echoes > 1)} of channel {account.number} "
        f"{'were' if account.echoes > 1 else 'was'} left out as an echo of another channel."
        for account in transcript.channels
        if account.echoes
    )


def _words(words: Sequence[object]) -> str:
    return "1 word" if len(words) == 1 else f"{len(words)} words"


def _some(texts: list[str]) -> str:
    more = len(texts) - _NAMED_WORDS
    return ", ".join(texts[:_NAMED_WORDS]) + (f" and {more} more" if more > 0 else "")


def failed(job: Job, error: ParakeetError) -> FileResult:
    console.trace(error)
    obstacle = error.obstacle
    if obstacle is None and isinstance(error, InputError) and job.root is not None:
        obstacle = obstacle_of_input(str(job.path))
    return FileResult(
        job.name, Status.FAILED, reason=str(error), hint=error.hint, obstacle=obstacle
    )


def failed_unexpectedly(job: Job, error: Exception) -> FileResult:
    """The result after a bug of ours, which must not cost the other files."""
    console.trace(error)
    reason = f"An {describe_unexpected(error)}"
    obstacle = obstacle_of(error)
    hint = PROGRAM_FAULT if obstacle is None else system_hint(error)
    return FileResult(job.name, Status.FAILED, reason=reason, hint=hint, obstacle=obstacle)
