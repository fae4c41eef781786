"""Follows the clocks of containers that say more about a gap than that there is one.

A jump in a stream's timestamps is a loss only if nothing else explains it: MP4's index
declares pauses, ASF's duration is that of its longest stream, and where two MPEG transport
streams were joined, the second has a clock of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from av import AudioFrame, AudioStream, Packet
from av.stream import Discard
from numpy.typing import NDArray

from parakeet_cli.audio.decode.coverage import DAMAGED, JUMP, PAUSE
from parakeet_cli.audio.decode.layout.headers import NUT_INDEX_END
from parakeet_cli.audio.decode.open import Opened
from parakeet_cli.audio.decode.packets import (
    JITTER_SECONDS,
    ByTimestamps,
    Decoding,
    FlacByTimestamps,
    MatroskaByTimestamps,
)
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.mpegts import is_joint, program_table
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.audio.decode.recover.wavpack import shortened_block
from parakeet_cli.audio.decode.resample import TimedFrame

# A gap without damage that is longer is a joint even where nothing else marks it.
MAX_TS_GAP = 600.0  # seconds
MISSING_END = 0.1  # seconds, in place of an unknown length


def by_timestamps(opened: Opened, part: FilePart) -> Decoding:
    """The way to decode a container by its timestamps."""
    kinds = opened.container.format.name.split(",")
    strategy = next((BY_CONTAINER[kind] for kind in kinds if kind in BY_CONTAINER), ByTimestamps)
    return strategy(opened, part)


class Mp4ByTimestamps(ByTimestamps):
    """Takes a packet that lasts longer than its sound for a pause.

    Without an edit list the index declares a late start that way, and a recorder its pauses.
    A hole leaves the index as it was, and shows as damaged packets.
    """

    def __init__(self, opened: Opened, part: FilePart) -> None:
        super().__init__(opened, part)
        self._packet: Packet[AudioStream] | None = None  # the last one that was decoded
        fragments = opened.fragments
        self._is_incomplete = fragments is not None and fragments.incomplete

    def __iter__(self) -> Iterator[TimedFrame]:
        yield from super().__iter__()
        self.covered = self._declared_end() if self._opened.fragments is None else 0.0

    def _place_all(
        self, packet: Packet[AudioStream], frames: list[AudioFrame]
    ) -> Iterator[TimedFrame]:
        for frame in frames:
            gap = self._gap(frame)
            pauses = gap > JITTER_SECONDS and self._declares_pause(gap)
            yield self._place(frame, gap, PAUSE if pauses else JUMP)
        if frames:
            self._packet = packet

    def _declares_pause(self, gap: float) -> bool:
        until = self._end + gap - JITTER_SECONDS
        return not self._is_incomplete and self._declared_end() >= until

    def _declared_end(self) -> float:
        """The end of the last packet by the index, in seconds."""
        packet = self._packet
        if packet is None or packet.pts is None or packet.time_base is None:
            return 0.0
        end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        return end - self._origin + self._shift


class AsfByTimestamps(ByTimestamps):
    """Reads all streams: the declared duration is that of the longest one."""

    def _demux(self) -> Iterator[Packet[AudioStream]]:
        for stream in self._opened.container.streams:
            stream.discard = Discard.default
        for packet in self._opened.container.demux():
            if packet.pts is not None and packet.time_base is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self.covered = max(self.covered, end - self._origin)
            if packet.stream.index == self._opened.stream.index:  # also of the last, empty one
                yield packet  # type: ignore[misc]


class TsByTimestamps(ByTimestamps):
    """Goes on without a gap where another transport stream was joined to the first."""

    def __init__(self, opened: Opened, part: FilePart) -> None:
        super().__init__(opened, part)
        self._last = 0  # byte of the last packet

    def _place_all(
        self, packet: Packet[AudioStream], frames: list[AudioFrame]
    ) -> Iterator[TimedFrame]:
        for frame in frames:
            gap = self._gap(frame)
            if gap > JITTER_SECONDS and self._is_joint(packet, gap):
                self._shift -= gap
                gap = 0.0
            yield self._place(frame, gap)
        if packet.pos is not None:
            self._last = packet.pos

    def _is_following(self, packet: Packet[Any]) -> bool:
        """Whether a packet is damaged only because it is of a stream with another codec."""
        if packet.pos is None or self._damaged_since > 1 or not self._last:
            return False
        with self._part.open() as file:
            if is_joint(file, self._last, packet.pos):
                self.following = program_table(file, self._last, packet.pos)
        return self.following is not None

    def _is_joint(self, packet: Packet[Any], gap: float) -> bool:
        if packet.pos is None or self._damaged_since:
            return False
        with self._part.open() as file:
            return is_joint(file, self._last, packet.pos) or gap > MAX_TS_GAP


class NutByTimestamps(ByTimestamps):
    """Counts a last packet that reaches into the index behind it as damaged: it lacks bytes."""

    def __iter__(self) -> Iterator[TimedFrame]:
        yield from super().__iter__()
        if self.position > self._part.size - NUT_INDEX_END:
            self.damaged_packets += 1
            self.reached = max(self.reached, self._end + MISSING_END)


class WavpackByTimestamps(ByTimestamps):
    """Also decodes what is there of a last block that was cut off."""

    def __iter__(self) -> Iterator[TimedFrame]:
        yield from super().__iter__()
        with self._part.open() as file:
            reader = Reader(file, self._part.size)
            at = reader.find(b"wvpk", self.position)
            block = None if at is None else shortened_block(reader.read(at, self._part.size - at))
        if block is None or self._damaged_since:
            return
        self.position = self._part.size
        self._codec.flush_buffers()  # it was told that the end is reached
        for frame in self._decode(Packet(block)) or ():
            samples = frame.to_ndarray()
            sounding = np.flatnonzero(samples.any(axis=0))
            if len(sounding):
                first = _first_samples(frame, samples, int(sounding[-1]) + 1)
                yield TimedFrame(first, None, DAMAGED)


def _first_samples(frame: AudioFrame, samples: NDArray[Any], count: int) -> AudioFrame:
    """So many of a frame's samples, of shape (channels, n)."""
    part = np.ascontiguousarray(samples[:, :count])
    first = AudioFrame.from_ndarray(part, format=frame.format.name, layout=frame.layout.name)
    first.sample_rate = frame.sample_rate
    return first


# By libav's name of the container; all others need no special treatment.
BY_CONTAINER = {
    "matroska": MatroskaByTimestamps,
    "flac": FlacByTimestamps,
    "mov": Mp4ByTimestamps,
    "asf": AsfByTimestamps,
    "mpegts": TsByTimestamps,
    "nut": NutByTimestamps,
    "wv": WavpackByTimestamps,
}
