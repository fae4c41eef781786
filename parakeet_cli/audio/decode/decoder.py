"""Decodes a file in this process, for the worker processes, for tests and for tools."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av

from parakeet_cli.audio.decode.base import Media, MediaRequest
from parakeet_cli.audio.decode.coverage import (
    DAMAGED,
    ENDS_BEFORE_PART,
    JUMP,
    MIN_GAP,
    UNREAD,
    Coverage,
    DeclaredDuration,
)
from parakeet_cli.audio.decode.duration import declared_duration, planned_seconds
from parakeet_cli.audio.decode.ending import Ending, end_of_frames, examine_end
from parakeet_cli.audio.decode.layout.parts import Recording, recording_at
from parakeet_cli.audio.decode.libav import open_container
from parakeet_cli.audio.decode.mixing import levels
from parakeet_cli.audio.decode.mixing.doubts import SoundDoubts
from parakeet_cli.audio.decode.mixing.mixer import Mixer
from parakeet_cli.audio.decode.open import LATE, Opened, check_readable, open_stream
from parakeet_cli.audio.decode.packets import ByCount, Decoding
from parakeet_cli.audio.decode.recover.mpeg import index_frames
from parakeet_cli.audio.decode.recover.unreadable import DISK_ERRORS, find_unreadable
from parakeet_cli.audio.decode.resample import BlockMaker, MonoPart, mono_parts
from parakeet_cli.audio.decode.streams.choose import describe_streams
from parakeet_cli.audio.decode.timing.clocks import by_timestamps
from parakeet_cli.audio.samples import BLOCK_SECONDS, Block, Span
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting, Basis, Source, StreamInfo

log = logging.getLogger(__name__)

ROUNDING = 0.002  # seconds; containers that keep time in milliseconds
PART_SLACK = 0.1  # seconds; manifests round, and decoders differ in their padding
STREAM_SLACK = 0.15  # seconds; the last picture may have no declared duration
BASES: tuple[Basis, ...] = ("exact", "estimated", "none")  # by how much they promise
MAX_RECORDINGS = 10_000  # in one file
MAX_SECONDS = 100 * 3600.0  # small files can be made that decode to years of silence
# WMA's decoder returns nothing for its first two packets, which last 92 ms at 44.1 kHz.
ASF_WARM_UP = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """An open file, its declared duration, and the way to decode it in its condition."""

    recording: Recording
    opened: Opened
    declared: DeclaredDuration
    decoding: Decoding
    begin: float = 0.0  # start of the audio on the source's clock, in seconds
    warm_up: float = 0.0  # seconds at the start for which its decoder may return nothing
    limit: float | None = None  # the end; decoded audio after it is padding


def plan_decoding(request: MediaRequest, start: int = 0) -> DecodePlan:
    """Open the recording that begins at the byte `start`, and examine its condition.

    Raises InputError.
    """
    recording = recording_at(Path(request.path), start, request.unreadable)
    opened = open_stream(recording, request)
    container = opened.container.format.name
    index = index_frames(recording.part, container)
    following = None if index is None else index.following or end_of_frames(recording.part, index)
    if following is not None:
        opened.container.close()
        recording = recording.until(start + following)
        opened = open_stream(recording, request)
        index = index_frames(recording.part, container)
    part = recording.part
    if index is None:
        begin = _begin(opened)
        late = LATE if begin else 0.0  # an encoder's delay is cut off sound that starts late, too
        return DecodePlan(
            recording,
            opened,
            declared_duration(part, opened),
            by_timestamps(opened, part),
            begin=begin,
            warm_up=ASF_WARM_UP if container == "asf" else late,
        )
    # All frames were counted, those that are there and those that aren't, so the end is known.
    declared = DeclaredDuration(
        index.seconds, "exact" if index.exact else "estimated", known_until=index.seconds
    )
    decoding = by_timestamps(opened, part) if index.whole else ByCount(opened, part, index)
    limit = None if index.whole else index.seconds
    return DecodePlan(recording, opened, declared, decoding, limit=limit)


def _begin(opened: Opened) -> float:
    """A video's audio may start later than its picture; nothing is missing there."""
    stream = opened.stream
    if opened.lost_start:
        return 0.0
    if opened.alone or stream.start_time is None or stream.time_base is None:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - opened.origin)


class InProcessMedia(Media):
    """A file that libav has open in this process: one recording, or several in a row."""

    def __init__(self, request: MediaRequest) -> None:
        check_readable(Path(request.path), request.name)
        plan = plan_decoding(request)
        context = plan.opened.stream.codec_context
        declared = plan.declared.seconds
        source = Source(
            path=request.name,
            duration=planned_seconds(plan.recording.layout, plan.opened.container)
            if declared is None
            else declared,
            sample_rate=context.sample_rate or None,
            channels=context.layout.nb_channels or None,
            streams=plan.opened.streams,
        )
        super().__init__(source, Accounting(declared, plan.declared.basis))
        self._request = request
        self._plan = plan
        self._mixer = Mixer(request.channel, plan.opened.full_scale)
        self._doubts = SoundDoubts()
        self._span = request.span
        self._coverage = Coverage(begin=plan.begin)
        self._offset = 0.0  # where the recording that is being decoded begins, in seconds
        self._recordings = 1
        self._begun = False  # some of this recording's sound was decoded
        self._damaged_before = 0  # damaged packets of the recordings before it
        # A file that goes on long after its own declared end never ends.
        exact = plan.declared.basis == "exact" and declared is not None
        self._max_seconds = (
            min(MAX_SECONDS, 2 * declared + 3600) if exact and declared else MAX_SECONDS
        )
        if declared is not None and declared > MAX_SECONDS and request.span.end is None:
            self.close()
            raise InputError(_too_long(request.name, declared))

    @property
    def damaged_packets(self) -> int:
        """The number of them so far."""
        return self._damaged_before + self._plan.decoding.damaged_packets

    def close(self) -> None:
        self._plan.opened.container.close()

    def __iter__(self) -> Iterator[Block]:
        span, coverage = self._span, self._coverage
        maker = BlockMaker(BLOCK_SECONDS)
        bases: list[Basis] = []
        while True:
            whole = yield from self._decode_recording(maker)
            if not whole:
                bases.append(self._plan.declared.basis)
                break
            end = self._lose_missing_end()
            bases.append(end.declared.basis_after(coverage.decoded_end - self._offset))
            if end.resume is None or not self._open_next(end.resume):
                coverage.lose_until(coverage.end + end.seconds_from(end.resume), UNREAD)
                self.source = replace(self.source, duration=round(coverage.end, 6))
                if span.end is not None and span.end - coverage.end > PART_SLACK:
                    coverage.lose_until(span.end, ENDS_BEFORE_PART)
                break
        yield from self._cut(maker.finish())
        if not coverage.decoded:
            if self.damaged_packets or coverage.lost:
                message = f"{self.source.path} is damaged: none of its sound can be decoded."
            else:
                message = f"{self.source.path} has no sound in it: it ends after its header."
            raise InputError(message)
        begin = coverage.decoded[0][0]
        self._doubts.add_silent(self._mixer.silent_channels, begin, coverage.decoded_end)
        self.doubts = self._doubts.within(span)
        self.accounting = coverage.account(
            max(bases, key=BASES.index), self.damaged_packets, span.start, span.end
        )

    def _decode_recording(self, maker: BlockMaker) -> Generator[Block, None, bool]:
        """Decode one recording; returns whether it was read to its end."""
        coverage, end = self._coverage, self._span.end
        for part in mono_parts(self._plan.decoding, self._mixer):
            yield from self._place(part, maker)
            if end is not None and coverage.decoded_end >= end:
                return False
            if coverage.decoded_end > self._offset + self._max_seconds:
                raise InputError(_too_long(self.source.path, coverage.decoded_end))
        return True

    def _place(self, part: MonoPart, maker: BlockMaker) -> Iterator[Block]:
        """Enter a part into the coverage, and make blocks of it."""
        samples, rate, coverage = part.samples, part.rate, self._coverage
        first = not coverage.decoded
        continued = max(coverage.end, self._offset)
        start = continued if part.start is None else part.start + self._offset
        if start < self._offset:  # an encoder's delay
            early = min(len(samples), round((self._offset - start) * rate))
            samples, start = samples[early:], start + early / rate
            if not len(samples):
                return
        if self._plan.limit is not None:  # an encoder's padding
            left = self._plan.limit + self._offset - start
            samples = samples[: max(0, round(left * rate))]
            if not len(samples):
                return
        late = start - max(coverage.end, coverage.begin)
        if not self._begun and part.reason == JUMP and 0 < late < self._plan.warm_up:
            if first:
                coverage.begin = start
            else:
                self._offset, start = self._offset - late, start - late
        self._begun = True
        jumps = first or start - coverage.decoded_end > MIN_GAP
        coverage.add(start, start + len(samples) / rate, part.reason)
        self._doubts.add(part.remark, start, coverage.decoded_end)
        scale = levels.in_words(self._mixer.full_scale)
        self._doubts.add(scale, start, coverage.decoded_end, "levels")
        yield from self._cut(maker.add(samples, rate, start if jumps else None))

    def _cut(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            part = self._span.cut(block)
            if part is not None:
                yield part

    def _lose_missing_end(self) -> Ending:
        """Account for the sound that is missing after the last decoded sample."""
        plan, coverage, offset = self._plan, self._coverage, self._offset
        before = coverage.end
        end = examine_end(
            plan.recording, plan.opened, plan.decoding, plan.declared, before - offset
        )
        declared = end.declared
        until = declared.seconds if declared.basis == "exact" else declared.known_until
        reached = plan.decoding.reached
        decoded = coverage.decoded_end - offset
        missing = until is not None and until - decoded > declared.slack
        if until is not None and missing and not _has_everything(plan, decoded, until):
            coverage.lose_until(offset + until, declared.reason)
        elif plan.decoding.damaged_packets and reached - decoded > ROUNDING:
            # Within the declared duration's slack, damaged packets show where they ended.
            exact = until if declared.basis == "exact" else None
            shown = reached if exact is None else min(exact, reached)
            coverage.lose_until(offset + shown, DAMAGED)
        if end.unread_seconds:  # which may be those that are missing up to the declared end
            coverage.lose_until(before + end.unread_seconds, UNREAD)
        return end

    def _open_next(self, start: int) -> bool:
        """Go on with the recording that begins at the byte `start`, if it can be opened."""
        self._recordings += 1
        if self._recordings > MAX_RECORDINGS:
            return False
        # It may lack the stream and the channel that were asked for.
        anything = replace(self._request, audio_stream=None, channel=None)
        plan = None
        for request in (self._request, anything):
            with contextlib.suppress(InputError):
                plan = plan or plan_decoding(request, start)
        if plan is None:
            return False
        self._damaged_before += self._plan.decoding.damaged_packets
        self.close()
        self._plan = plan
        self._mixer.full_scale = plan.opened.full_scale
        self._offset = self._coverage.end - plan.begin
        self._begun = False
        return True


class RescuingMedia(Media):
    """A file that is open in this process, even if its disk can't read all of it.

    A read error is noticed when it happens, and only then are the unreadable bytes searched for.
    The file is decoded again from its beginning, with those bytes as damage, and what was passed
    on before isn't passed on again. So files without such errors cost nothing more.
    """

    def __init__(self, request: MediaRequest) -> None:
        self._request = request
        try:
            self._media = InProcessMedia(request)
        except OSError as error:
            self._media = self._reopened(error)
        super().__init__(self._media.source, self._media.accounting)

    @property
    def damaged_packets(self) -> int:
        """The number of them so far."""
        return self._media.damaged_packets

    def close(self) -> None:
        self._media.close()

    def __iter__(self) -> Iterator[Block]:
        passed_on = 0.0
        while True:
            try:
                for block in self._media:
                    part = Span(passed_on).cut(block) if passed_on else block
                    if part is not None:
                        passed_on = part.end
                        yield part
                break
            except OSError as error:
                self._media.close()
                self._media = self._reopened(error)
        self.source, self.accounting = self._media.source, self._media.accounting
        self.doubts = self._media.doubts

    def _reopened(self, error: OSError) -> InProcessMedia:
        """The file with its unreadable bytes as damage. Raises InputError."""
        request = self._request
        message = f"{request.name} can't be read: {os.strerror(error.errno or 0)}."
        if error.errno not in DISK_ERRORS or request.unreadable:
            raise InputError(message) from error
        try:
            unreadable = find_unreadable(Path(request.path))
            if not unreadable:
                raise InputError(message) from error
            log.info("%s has bytes that can't be read: %s", request.name, unreadable)
            self._request = replace(request, unreadable=unreadable)
            return InProcessMedia(self._request)
        except OSError as another:
            raise InputError(message) from another


def _has_everything(plan: DecodePlan, decoded: float, until: float) -> bool:
    """Whether the stream simply ends before the file does, as the sound of a video may."""
    decoding, several = plan.decoding, not plan.opened.alone
    damaged = decoding.damaged_packets and decoding.reached - decoded > ROUNDING
    return not damaged and until - decoding.covered < (STREAM_SLACK if several else ROUNDING)


def _too_long(name: str, seconds: float) -> str:
    return (
        f"{name} would be {seconds / 3600:,.0f} hours of sound or more, which no recording "
        "of its kind is."
    )


def duration_in_process(path: Path) -> float | None:
    """The length that the header declares, in seconds; None if it declares none."""
    try:
        check_readable(path, str(path))
        layout = recording_at(path, 0).layout
        with open_container(f"file:{path}") as container:
            return planned_seconds(layout, container)
    except (InputError, av.FFmpegError):
        return None


def streams_in_process(path: Path) -> tuple[StreamInfo, ...]:
    """The audio streams of a file, none of them taken; none if it can't be opened."""
    try:
        check_readable(path, str(path))
        with open_container(f"file:{path}") as container:
            return describe_streams(container.streams.audio, None)
    except (InputError, av.FFmpegError):
        return ()
