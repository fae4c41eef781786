"""Packet by packet from an open container to mono pieces on the source's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
from av import AudioFrame, AudioStream, Packet

from parakeet_cli.audio.opening import Opened
from parakeet_cli.audio.sound import Samples, Shape, mono

PIECE_SECONDS = 1.0  # of frames, mixed and resampled in one go
JITTER_SECONDS = 0.05  # healthy Vorbis and Matroska clocks are off by up to some 10 ms
READ_ERRORS = 100  # in a row, without a packet between them: the rest can't be read


@dataclass(frozen=True, slots=True)
class Piece:
    """Mono samples at the source's rate; `start` is None where they go on from before."""

    samples: Samples
    rate: int
    start: float | None


class Decoder:
    """An open stream as mono pieces, in order; iterate once.

    A packet that can't be decoded is counted and passed over. Where timestamps jump,
    the piece after the jump says where it starts.
    """

    def __init__(self, opened: Opened, channel: int | None) -> None:
        self.damaged_packets = 0
        self._container = opened.container
        self._stream = opened.stream
        self._channel = channel
        start = opened.container.start_time
        self._origin = 0.0 if start is None else start / av.time_base

    def close(self) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Piece]:
        shape: Shape | None = None
        held: list[AudioFrame] = []
        count = 0
        start: float | None = 0.0
        end = 0.0  # of what was seen so far, in seconds
        for frame in self._frames():
            now = Shape.of(frame)
            at = self._placed(frame, end)
            if now != shape or at is not None or count >= now.rate * PIECE_SECONDS:
                if held and shape is not None:
                    yield Piece(mono(held, shape, self._channel), shape.rate, start)
                    start = None
                held, count, shape = [], 0, now
                if at is not None:
                    start = end = at
            held.append(frame)
            count += frame.samples
            end += frame.samples / now.rate
        if held and shape is not None:
            yield Piece(mono(held, shape, self._channel), shape.rate, start)

    def _placed(self, frame: AudioFrame, end: float) -> float | None:
        """Where a frame starts, if that is not where the one before it ended."""
        if frame.time is None:
            return None
        at = frame.time - self._origin
        return at if at - end > JITTER_SECONDS else None

    def _frames(self) -> Iterator[AudioFrame]:
        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.FFmpegError:
                self.damaged_packets += 1
                continue
            yield from (frame for frame in frames if frame.samples)

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        errors = 0
        while errors < READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    errors = 0
                    yield packet
            except av.FFmpegError:
                errors += 1  # libav skips what it can't parse when it is asked again
            else:
                return
