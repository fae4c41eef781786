"""Decoding within this process: what a worker does, and what tests and small tools may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av

from parakeet_cli.audio.decode.base import Media, MediaRequest
from parakeet_cli.audio.decode.coverage import DAMAGED, ENDS_BEFORE_PART, JUMP, LEAST, Coverage
from parakeet_cli.audio.decode.duration import declared_seconds
from parakeet_cli.audio.decode.open import check_readable
from parakeet_cli.audio.decode.plan import Work, start_work
from parakeet_cli.audio.decode.resample import Piece, Timeline, pieces
from parakeet_cli.audio.samples import BLOCK_SECONDS, Block
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting, Source

ROUNDING = 0.002  # seconds; containers that keep time in milliseconds
PART_SLACK = 0.1  # seconds; manifests round, and decoders differ in what they pad
LONGEST = 100 * 3600.0  # seconds; small files can be made that decode to years of silence


class LocalMedia(Media):
    """A file that libav has open in this process."""

    def __init__(self, request: MediaRequest) -> None:
        work = start_work(Path(request.path), request.name, request.audio_stream, request.channel)
        context = work.opened.stream.codec_context
        promised = work.promise.seconds
        source = Source(
            path=request.name,
            duration=declared_seconds(work.opened.container) if promised is None else promised,
            sample_rate=context.sample_rate or None,
            channels=context.layout.nb_channels or None,
        )
        super().__init__(source, Accounting(promised, work.promise.basis))
        self._work = work
        self._span = request.span
        # A file that goes on long after its own end is one that never ends.
        exact = work.promise.basis == "exact" and promised is not None
        self._longest = min(LONGEST, 2 * promised + 3600) if exact and promised else LONGEST
        if promised is not None and promised > LONGEST and request.span.end is None:
            self.close()
            raise InputError(_too_long(request.name, promised))

    @property
    def damaged_packets(self) -> int:
        """So far."""
        return self._work.decoding.damaged_packets

    def close(self) -> None:
        self._work.opened.container.close()

    def __iter__(self) -> Iterator[Block]:
        work, span = self._work, self._span
        coverage = Coverage(begin=work.begin)
        timeline = Timeline(BLOCK_SECONDS)
        for piece in pieces(work.decoding, work.channel):
            yield from self._placed(piece, coverage, timeline)
            if span.end is not None and coverage.end >= span.end:
                break
            if coverage.end > self._longest:
                raise InputError(_too_long(self.source.path, coverage.end))
        else:
            _close(coverage, work)
            length = coverage.until
            if span.end is not None and span.end - coverage.until > PART_SLACK:
                coverage.lose_until(span.end, ENDS_BEFORE_PART)
            self.source = replace(self.source, duration=round(length, 6))
        yield from self._cut(timeline.finish())
        if not coverage.heard and (work.decoding.damaged_packets or coverage.lost):
            raise InputError(f"{self.source.path} is damaged: none of its sound can be decoded.")
        self.accounting = coverage.account(
            work.promise, work.decoding.damaged_packets, span.start, span.end
        )

    def _placed(self, piece: Piece, coverage: Coverage, timeline: Timeline) -> Iterator[Block]:
        """A piece entered into the coverage and put on the timeline."""
        samples, rate = piece.samples, piece.rate
        start = coverage.end if piece.start is None else piece.start
        if start < 0:  # an encoder's delay
            early = min(len(samples), round(-start * rate))
            samples, start = samples[early:], start + early / rate
            if not len(samples):
                return
        if self._work.limit is not None:  # an encoder's padding
            samples = samples[: max(0, round((self._work.limit - start) * rate))]
            if not len(samples):
                return
        first = not coverage.heard
        if first and piece.reason == JUMP and start - coverage.begin < self._work.warm_up:
            coverage.begin = start
        jumps = first or start - coverage.end > LEAST
        coverage.place(start, start + len(samples) / rate, piece.reason)
        yield from self._cut(timeline.add(samples, rate, start if jumps else None))

    def _cut(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            part = self._span.cut(block)
            if part is not None:
                yield part


def _close(coverage: Coverage, work: Work) -> None:
    """What is missing after the last sound."""
    promise = work.promise
    until = promise.seconds if promise.basis == "exact" else promise.until
    reached = work.decoding.reached
    if until is not None and until - coverage.end > promise.slack:
        coverage.lose_until(until, promise.reason)
    elif work.decoding.damaged_packets and reached - coverage.end > ROUNDING:
        # Within what the promise leaves open, damaged packets say until when they went.
        coverage.lose_until(reached if until is None else min(until, reached), DAMAGED)


def _too_long(name: str, seconds: float) -> str:
    return (
        f"{name} would be {seconds / 3600:,.0f} hours of sound or more, which no recording "
        "of its kind is."
    )


def local_duration(path: Path) -> float | None:
    """What the header says the length is, in seconds; None where it says nothing."""
    try:
        check_readable(path, str(path))
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            return declared_seconds(container)
    except (InputError, av.FFmpegError):
        return None
