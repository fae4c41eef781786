"""A media file to blocks of 16 kHz mono float32, in bounded memory.

    with open_media(path) as media:
        for block in media:
            ...
        media.accounting

Anything that libav opens, video included. Every channel is averaged into one unless
`channel` picks one, counted from 0 as `audio_stream` is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av

from parakeet_cli.audio.accounting import DAMAGED, LEAST, Ledger
from parakeet_cli.audio.opening import check_readable
from parakeet_cli.audio.promise import declared_seconds
from parakeet_cli.audio.sound import SAMPLE_RATE, Block, Piece, Samples, Timeline, pieces
from parakeet_cli.audio.work import Work, start_work
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting, Source

__all__ = [
    "BLOCK_SECONDS",
    "SAMPLE_RATE",
    "Block",
    "Media",
    "Samples",
    "open_media",
    "probe_duration",
]

BLOCK_SECONDS = 10.0  # bounds memory, and is long enough to be cheap


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a source that is asked for, in seconds on its clock."""

    start: float = 0.0
    end: float | None = None

    def cut(self, block: Block) -> Block | None:
        """What of a block lies within the span; None where nothing does."""
        first = max(0, round((self.start - block.start) * SAMPLE_RATE))
        last = len(block.samples)
        if self.end is not None:
            last = min(last, round((self.end - block.start) * SAMPLE_RATE))
        if first == 0 and last == len(block.samples):
            return block
        if first >= last:
            return None
        return Block(block.samples[first:last], block.start + first / SAMPLE_RATE)


class Media:
    """An open media file: iterate over it once for its blocks, then ask `accounting`.

    `source` holds what the header says until the iteration ends, then what was found.
    """

    def __init__(self, work: Work, source: Source, span: Span) -> None:
        self.source = source
        self.accounting = Accounting(
            expected_seconds=work.promise.seconds, expected_basis=work.promise.basis
        )
        self._work = work
        self._span = span

    def __enter__(self) -> Media:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._work.opened.container.close()

    def __iter__(self) -> Iterator[Block]:
        work, span = self._work, self._span
        ledger = Ledger(begin=work.begin)
        timeline = Timeline(BLOCK_SECONDS)
        for piece in pieces(work.decoding, work.channel):
            yield from self._placed(piece, ledger, timeline)
            if span.end is not None and ledger.end >= span.end:
                break
        else:
            _close(ledger, work)
        yield from self._cut(timeline.finish())
        if not ledger.heard and (work.decoding.damaged_packets or ledger.lost):
            raise InputError(f"{self.source.path} is damaged: none of its sound can be decoded.")
        self.accounting = ledger.account(
            work.promise, work.decoding.damaged_packets, span.start, span.end
        )

    def _placed(self, piece: Piece, ledger: Ledger, timeline: Timeline) -> Iterator[Block]:
        """A piece entered into the ledger and put on the timeline."""
        samples, rate = piece.samples, piece.rate
        start = ledger.end if piece.start is None else piece.start
        if start < 0:  # an encoder's delay
            early = min(len(samples), round(-start * rate))
            samples, start = samples[early:], start + early / rate
            if not len(samples):
                return
        jumps = not ledger.heard or start - ledger.end > LEAST
        ledger.place(start, start + len(samples) / rate, piece.reason)
        yield from self._cut(timeline.add(samples, rate, start if jumps else None))

    def _cut(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            part = self._span.cut(block)
            if part is not None:
                yield part


def _close(ledger: Ledger, work: Work) -> None:
    """What is missing after the last sound."""
    promise = work.promise
    if promise.basis == "exact" and promise.seconds is not None:
        if promise.seconds - ledger.end > promise.slack:
            ledger.lose_until(promise.seconds, promise.reason)
    elif promise.missing:
        ledger.lose_until(ledger.end + promise.missing, promise.reason)
    if work.decoding.damaged_packets:
        ledger.lose_until(work.decoding.reached, DAMAGED)


def open_media(
    path: Path,
    *,
    name: str | None = None,
    audio_stream: int | None = None,
    channel: int | None = None,
    offset: float = 0.0,
    duration: float | None = None,
) -> Media:
    """Open a media file. `name` is what the user called it, `stdin` for instance.

    `audio_stream` and `channel` count from 0; without them it is the first stream and
    the mean of all channels. `offset` and `duration` ask for a part, in seconds; the
    blocks still lie on the whole source's clock. Raises InputError, with one sentence.
    """
    shown = name or str(path)
    work = start_work(path, shown, audio_stream, channel)
    context = work.opened.stream.codec_context
    promised = work.promise.seconds
    source = Source(
        path=shown,
        duration=declared_seconds(work.opened.container) if promised is None else promised,
        sample_rate=context.sample_rate or None,
        channels=context.layout.nb_channels or None,
    )
    return Media(work, source, Span(offset, None if duration is None else offset + duration))


def probe_duration(path: Path) -> float | None:
    """What the header says the length is, in seconds; None where it says nothing.

    Cheap, for planning: nothing is decoded, and it may be an estimate.
    """
    try:
        check_readable(path, str(path))
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            return declared_seconds(container)
    except (InputError, av.FFmpegError):
        return None
