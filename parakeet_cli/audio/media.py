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
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import av

from parakeet_cli.audio.decoding import Decoder
from parakeet_cli.audio.opening import check_readable, open_stream
from parakeet_cli.audio.sound import SAMPLE_RATE, Block, Samples, Timeline
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

    def __init__(self, decoder: Decoder, source: Source, span: Span) -> None:
        self.source = source
        self.accounting = Accounting()
        self._decoder = decoder
        self._span = span

    def __enter__(self) -> Media:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._decoder.close()

    def __iter__(self) -> Iterator[Block]:
        timeline = Timeline(BLOCK_SECONDS)
        decoded = 0
        end = 0.0
        for block in self._blocks(timeline):
            end = block.end
            part = self._span.cut(block)
            if part is not None:
                decoded += len(part.samples)
                yield part
            if self._span.end is not None and block.end >= self._span.end:
                break
        else:
            self.source = replace(self.source, duration=end)
        self.accounting = Accounting(
            expected_seconds=self.source.duration,
            expected_basis="none" if self.source.duration is None else "estimated",
            decoded_seconds=decoded / SAMPLE_RATE,
            damaged_packets=self._decoder.damaged_packets,
        )

    def _blocks(self, timeline: Timeline) -> Iterator[Block]:
        for piece in self._decoder:
            yield from timeline.add(piece.samples, piece.rate, piece.start)
        yield from timeline.finish()


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
    opened = open_stream(path, shown, audio_stream, channel)
    context = opened.stream.codec_context
    source = Source(
        path=shown,
        duration=_declared_seconds(opened.container),
        sample_rate=context.sample_rate or None,
        channels=context.layout.nb_channels or None,
    )
    end = None if duration is None else offset + duration
    return Media(Decoder(opened, channel), source, Span(offset, end))


def probe_duration(path: Path) -> float | None:
    """What the header says the length is, in seconds; None where it says nothing.

    Cheap, for planning: nothing is decoded, and it may be an estimate.
    """
    try:
        check_readable(path, str(path))
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            return _declared_seconds(container)
    except (InputError, av.FFmpegError):
        return None


def _declared_seconds(container: av.container.InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base
