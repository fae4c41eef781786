"""Decodes a file in this process, for the worker processes, for tests and for tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av

from parakeet_cli.audio.decode.base import Media, MediaRequest
from parakeet_cli.audio.decode.coverage import (
    DAMAGED,
    ENDS_BEFORE_PART,
    JUMP,
    MIN_GAP,
    Coverage,
    DeclaredDuration,
)
from parakeet_cli.audio.decode.duration import declared_duration, declared_seconds
from parakeet_cli.audio.decode.libav import open_container
from parakeet_cli.audio.decode.open import Opened, check_readable, open_stream
from parakeet_cli.audio.decode.packets import ByCount, Decoding
from parakeet_cli.audio.decode.recover.mpeg import index_frames
from parakeet_cli.audio.decode.resample import BlockMaker, MonoPart, mono_parts
from parakeet_cli.audio.decode.timing.clocks import by_timestamps
from parakeet_cli.audio.samples import BLOCK_SECONDS, Block
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting, Source

ROUNDING = 0.002  # seconds; containers that keep time in milliseconds
PART_SLACK = 0.1  # seconds; manifests round, and decoders differ in their padding
STREAM_SLACK = 0.15  # seconds; the last picture may have no declared duration
MAX_SECONDS = 100 * 3600.0  # small files can be made that decode to years of silence
# WMA's decoder returns nothing for its first two packets, which last 92 ms at 44.1 kHz.
ASF_WARM_UP = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """An open file, its declared duration, and the way to decode it in its condition."""

    opened: Opened
    channel: int | None
    declared: DeclaredDuration
    decoding: Decoding
    begin: float = 0.0  # start of the audio on the source's clock, in seconds
    warm_up: float = 0.0  # seconds at the start for which its decoder may return nothing
    limit: float | None = None  # the end; decoded audio after it is padding


def plan_decoding(request: MediaRequest) -> DecodePlan:
    """Open a file and examine its condition. Raises InputError."""
    path = Path(request.path)
    opened = open_stream(path, request.name, request.audio_stream, request.channel)
    container = opened.container.format.name
    index = index_frames(path, container)
    if index is None:
        return DecodePlan(
            opened,
            request.channel,
            declared_duration(path, opened),
            by_timestamps(opened, path),
            begin=_begin(opened),
            warm_up=ASF_WARM_UP if container == "asf" else 0.0,
        )
    # All frames were counted, those that are there and those that aren't, so the end is known.
    declared = DeclaredDuration(
        index.seconds, "exact" if index.exact else "estimated", known_until=index.seconds
    )
    if index.whole:
        return DecodePlan(opened, request.channel, declared, by_timestamps(opened, path))
    decoding = ByCount(opened, path, index)
    return DecodePlan(opened, request.channel, declared, decoding, limit=index.seconds)


def _begin(opened: Opened) -> float:
    """A video's audio may start later than its picture; nothing is missing there."""
    stream = opened.stream
    if opened.lost_start:
        return 0.0
    if len(opened.container.streams) == 1 or stream.start_time is None or stream.time_base is None:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - opened.origin)


class InProcessMedia(Media):
    """A file that libav has open in this process."""

    def __init__(self, request: MediaRequest) -> None:
        plan = plan_decoding(request)
        context = plan.opened.stream.codec_context
        declared = plan.declared.seconds
        source = Source(
            path=request.name,
            duration=declared_seconds(plan.opened.container) if declared is None else declared,
            sample_rate=context.sample_rate or None,
            channels=context.layout.nb_channels or None,
        )
        super().__init__(source, Accounting(declared, plan.declared.basis))
        self._plan = plan
        self._span = request.span
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
        return self._plan.decoding.damaged_packets

    def close(self) -> None:
        self._plan.opened.container.close()

    def __iter__(self) -> Iterator[Block]:
        plan, span = self._plan, self._span
        coverage = Coverage(begin=plan.begin)
        maker = BlockMaker(BLOCK_SECONDS)
        for part in mono_parts(plan.decoding, plan.channel):
            yield from self._place(part, coverage, maker)
            if span.end is not None and coverage.decoded_end >= span.end:
                break
            if coverage.decoded_end > self._max_seconds:
                raise InputError(_too_long(self.source.path, coverage.decoded_end))
        else:
            _lose_missing_end(coverage, plan)
            length = coverage.end
            if span.end is not None and span.end - coverage.end > PART_SLACK:
                coverage.lose_until(span.end, ENDS_BEFORE_PART)
            self.source = replace(self.source, duration=round(length, 6))
        yield from self._cut(maker.finish())
        if not coverage.decoded:
            if plan.decoding.damaged_packets or coverage.lost:
                message = f"{self.source.path} is damaged: none of its sound can be decoded."
            else:
                message = f"{self.source.path} has no sound in it: it ends after its header."
            raise InputError(message)
        self.accounting = coverage.account(
            plan.declared, plan.decoding.damaged_packets, span.start, span.end
        )

    def _place(self, part: MonoPart, coverage: Coverage, maker: BlockMaker) -> Iterator[Block]:
        """Enter a part into the coverage, and make blocks of it."""
        samples, rate = part.samples, part.rate
        start = coverage.decoded_end if part.start is None else part.start
        if start < 0:  # an encoder's delay
            early = min(len(samples), round(-start * rate))
            samples, start = samples[early:], start + early / rate
            if not len(samples):
                return
        if self._plan.limit is not None:  # an encoder's padding
            samples = samples[: max(0, round((self._plan.limit - start) * rate))]
            if not len(samples):
                return
        first = not coverage.decoded
        if first and part.reason == JUMP and start - coverage.begin < self._plan.warm_up:
            coverage.begin = start
        jumps = first or start - coverage.decoded_end > MIN_GAP
        coverage.add(start, start + len(samples) / rate, part.reason)
        yield from self._cut(maker.add(samples, rate, start if jumps else None))

    def _cut(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            part = self._span.cut(block)
            if part is not None:
                yield part


def _lose_missing_end(coverage: Coverage, plan: DecodePlan) -> None:
    """Account for the audio that is missing after the last decoded sample."""
    declared = plan.declared
    until = declared.seconds if declared.basis == "exact" else declared.known_until
    reached = plan.decoding.reached
    missing = until is not None and until - coverage.decoded_end > declared.slack
    if until is not None and missing and not _has_everything(plan.decoding, coverage, until):
        coverage.lose_until(until, declared.reason)
    elif plan.decoding.damaged_packets and reached - coverage.decoded_end > ROUNDING:
        # Within the declared duration's slack, damaged packets show where they ended.
        coverage.lose_until(reached if until is None else min(until, reached), DAMAGED)


def _has_everything(decoding: Decoding, coverage: Coverage, until: float) -> bool:
    """Whether the stream simply ends before the file does, as the sound of a video may."""
    damaged = decoding.damaged_packets and decoding.reached - coverage.decoded_end > ROUNDING
    return not damaged and until - decoding.covered < STREAM_SLACK


def _too_long(name: str, seconds: float) -> str:
    return (
        f"{name} would be {seconds / 3600:,.0f} hours of sound or more, which no recording "
        "of its kind is."
    )


def duration_in_process(path: Path) -> float | None:
    """The length that the header declares, in seconds; None if it declares none."""
    try:
        check_readable(path, str(path))
        with open_container(f"file:{path}") as container:
            return declared_seconds(container)
    except (InputError, av.FFmpegError):
        return None
