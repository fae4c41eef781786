"""Makes a recording's transcript of what its chunks gave, channel by channel if they were split."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from parakeet_cli.speakers.channels import Channel, by_time, without_echoes
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.speakers.names import renamed
from parakeet_cli.speakers.words import with_speakers
from parakeet_cli.transcribe.align.place import align_text
from parakeet_cli.transcribe.pipeline.doubts import doubts_of
from parakeet_cli.transcribe.pipeline.file_in_work import FileInWork, Voice
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.word_times import spread_words
from parakeet_cli.transcript import (
    Accounting,
    ChannelAccount,
    Doubt,
    EngineInfo,
    LostInterval,
    Segment,
    Transcript,
    words_of,
)
from parakeet_cli.vocabulary.spelling import make_speller


def transcript_of(file: FileInWork, engine: EngineInfo, options: PipelineOptions) -> Transcript:
    """The transcript of a file whose chunks are all transcribed, with its speakers' names.

    A given text is put on the clock in the place of what was recognised. Raises InputError if it
    isn't the recording's.
    """
    made = _unnamed(file, engine, options)
    names = options.speaker_names.of(made.source.path)
    if not names:
        return made
    channels = tuple(
        replace(one, speaker=names.get(one.speaker, one.speaker)) for one in made.channels
    )
    return replace(made, segments=renamed(made.segments, names), channels=channels)


def _unnamed(file: FileInWork, engine: EngineInfo, options: PipelineOptions) -> Transcript:
    """The transcript with numbered speakers, if they were asked for."""
    assert file.source is not None
    # Of a part, the source's duration may be an estimate that the part goes beyond.
    duration = None if file.item.job.duration is not None else file.source.duration
    if len(file.voices) > 1:
        return _of_channels(file, engine, duration, options.vocabulary)
    (voice,) = file.voices
    segments, alignment = _segments(voice, duration, options.vocabulary), None
    if options.align is not None:
        segments, alignment = align_text(segments, options.align)
        segments = spread_words(segments, duration)
    doubts = doubts_of((*voice.doubts, *voice.assembler.doubts), segments)
    return Transcript(
        source=file.source,
        accounting=_accounting(voice),
        engine=engine,
        language=voice.assembler.language,
        segments=_with_speakers(segments, voice, options.speakers),
        doubts=doubts,
        alignment=alignment,
    )


def _segments(
    voice: Voice, duration: float | None, vocabulary: tuple[str, ...]
) -> tuple[Segment, ...]:
    """What was recognised, with the vocabulary's terms as they are spelled there."""
    segments = voice.assembler.finish()
    if vocabulary:
        segments = make_speller(vocabulary).segments(segments)
    return spread_words(segments, duration)


def _with_speakers(
    segments: tuple[Segment, ...], voice: Voice, count: SpeakerCount | None
) -> tuple[Segment, ...]:
    speakers = voice.speakers
    if count is None or speakers is None:
        return segments
    return with_speakers(segments, lambda words: speakers.names_of(words, count))


def _of_channels(
    file: FileInWork, engine: EngineInfo, duration: float | None, vocabulary: tuple[str, ...]
) -> Transcript:
    assert file.source is not None
    found = [
        Channel(number, _segments(voice, duration, vocabulary), voice.levels)
        for number, voice in enumerate(file.voices)
    ]
    kept = without_echoes(found)
    accounts = tuple(
        ChannelAccount(
            after.number,
            after.speaker,
            _accounting(voice),
            words=_count(after.segments),
            echoes=_count(before.segments) - _count(after.segments),
        )
        for voice, before, after in zip(file.voices, found, kept, strict=True)
    )
    return Transcript(
        source=file.source,
        accounting=_of_all(accounts),
        engine=engine,
        language=_language(file.voices),
        segments=by_time(kept),
        doubts=_doubts(file.voices, kept),
        channels=accounts,
    )


def _count(segments: tuple[Segment, ...]) -> int:
    return sum(len(words_of(segment, split=True)) for segment in segments)


def _accounting(voice: Voice) -> Accounting:
    """What was decoded, and the losses of decoder and engine in their order."""
    lost = sorted((*voice.accounting.lost, *voice.lost), key=lambda interval: interval.start)
    return replace(voice.accounting, lost=tuple(lost))


def _of_all(accounts: tuple[ChannelAccount, ...]) -> Accounting:
    """One account of the recording: what every channel has lost once, and the rest by channel."""
    counts = Counter(lost for account in accounts for lost in account.accounting.lost)
    lost: list[LostInterval] = []
    for account in accounts:
        for interval in account.accounting.lost:
            if counts[interval] < len(accounts):
                reason = f"channel {account.number}: {interval.reason}"
                lost.append(replace(interval, reason=reason))
            elif account.number == 0:
                lost.append(interval)
    lost.sort(key=lambda interval: interval.start)
    least = min((account.accounting for account in accounts), key=lambda one: one.decoded_seconds)
    return replace(least, lost=tuple(lost))


def _language(voices: list[Voice]) -> str | None:
    """The language of most of the sound on all channels."""
    seconds: Counter[str] = Counter()
    for voice in voices:
        seconds.update(voice.assembler.languages)
    return max(seconds, key=lambda name: seconds[name], default=None)


def _doubts(voices: list[Voice], channels: list[Channel]) -> tuple[Doubt, ...]:
    """The doubts about each channel's sound and text; those that two share, once."""
    every = dict.fromkeys(
        doubt
        for voice, channel in zip(voices, channels, strict=True)
        for doubt in doubts_of((*voice.doubts, *voice.assembler.doubts), channel.segments)
    )
    return tuple(sorted(every, key=lambda doubt: (doubt.start, doubt.kind)))
