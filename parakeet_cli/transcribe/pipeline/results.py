"""Makes the results of jobs: of those that are transcribed, refused, skipped or failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from parakeet_cli import console
from parakeet_cli.errors import (
    PROGRAM_FAULT,
    InputError,
    ParakeetError,
    describe_unexpected,
    system_hint,
)
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import exists
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of, obstacle_of_input
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.outputs.write import PreparedOutput
from parakeet_cli.transcribe.pipeline.file_in_work import FileInWork
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.transcripts import transcript_of
from parakeet_cli.transcript import (
    Accounting,
    Alignment,
    EngineInfo,
    FileResult,
    Status,
    StreamInfo,
    Transcript,
)

_NAMED_WORDS = 10  # of a given text, where more aren't in the recording


@dataclass(frozen=True, slots=True)
class PreparedResult:
    """A job's result with its outputs, which are made and not yet in their places."""

    job: Job
    result: FileResult
    outputs: tuple[PreparedOutput, ...] = ()

    def commit(self) -> FileResult:
        """Put the outputs into their places; the result, which tells of a failure there.

        A failure leaves in place what was written before, and the result names that.
        """
        written: dict[str, str] = {}
        try:
            for output in self.outputs:
                written[str(output.where)] = output.commit()
        except Exception as error:
            if isinstance(error, ParakeetError):
                result = failed(self.job, error)
            else:
                result = failed_unexpectedly(self.job, error)
            return _with_written(replace(result, transcript=self.result.transcript), written)
        finally:
            self.discard()
        if self.result.status is Status.FAILED:
            return _with_written(self.result, written)
        return replace(self.result, outputs=tuple(written), sums=tuple(written.values()))

    def discard(self) -> None:
        """Remove the outputs that aren't in their places."""
        for output in self.outputs:
            output.discard()


def _with_written(result: FileResult, written: Mapping[str, str]) -> FileResult:
    """The result of a file that failed, with the outputs that are in place all the same."""
    if not written:
        return result
    reason = f"{result.reason} Written before that, and left: {', '.join(written)}."
    return replace(result, reason=reason, outputs=tuple(written), sums=tuple(written.values()))


def prepare_result(
    file: FileInWork, engine: EngineInfo, options: PipelineOptions
) -> PreparedResult:
    """The result of a file whose chunks are all transcribed. May be called in any thread."""
    job = file.item.job
    outputs: list[PreparedOutput] = []
    try:
        result = file.result or _transcribed(file, engine, options, outputs)
    except ParakeetError as error:
        result = failed(job, error)
    except Exception as error:
        result = failed_unexpectedly(job, error)
    return PreparedResult(job, result, tuple(outputs))


def _transcribed(
    file: FileInWork,
    engine: EngineInfo,
    options: PipelineOptions,
    outputs: list[PreparedOutput],
) -> FileResult:
    """The result; the `outputs` are added as they are made, as many as there can be."""
    job = file.item.job
    if file.failure is not None and not file.transcribed_chunks:
        return failed(job, file.failure)
    try:
        transcript = transcript_of(file, engine, options)
    except InputError as error:
        return failed(job, error)
    try:
        for form, path in file.item.paths:
            if not file.item.replaces and options.skip_existing and exists(path):
                continue
            collector = file.collectors.get(str(path))
            collected = collector.finish() if collector else None
            pieces = form.pieces(transcript, options.format_options, collected)
            outputs.append(PreparedOutput(path, pieces))
    except ParakeetError as error:
        return replace(failed(job, error), transcript=transcript)
    return FileResult(
        job.name,
        transcript.status,
        transcript,
        reason=_loss_in_words(transcript.accounting),
        notes=(
            *streams_in_words(transcript, chosen=job.audio_stream is not None),
            *alignment_in_words(transcript.alignment),
            *channels_in_words(transcript, split=options.split_channels),
        ),
    )


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


def _loss_in_words(accounting: Accounting) -> str | None:
    if not accounting.lost:
        return None
    first, *more = accounting.lost
    text = (
        f"{accounting.lost_seconds:.2f} s could not be transcribed: "
        f"{first.start:.2f} to {first.end:.2f} s, {first.reason}"
    )
    return text + (f", and {len(more)} more" if more else "")
