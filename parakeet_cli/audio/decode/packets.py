"""Decodes packets to frames, each with its place on the source's clock.

The container and its damage decide which of these ways is used:

    by timestamps   libav's demuxer and clock, for every container that keeps time; with
                    Matroska also the blocks that it skips, with FLAC until the first damage
                    (`timing/clocks.py` has more of these ways, and the choice)
    by count        MP3, ADTS and AMR with holes: frame by frame from their own headers
    by number       FLAC after damage: its frames are numbered
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any, Protocol

import av
from av import AudioFrame, AudioStream, Packet

from parakeet_cli.audio.decode.coverage import DAMAGED, JUMP, PAUSE
from parakeet_cli.audio.decode.layout.table import find_recording
from parakeet_cli.audio.decode.open import Opened
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.flac import FlacFrames
from parakeet_cli.audio.decode.recover.matroska import block_around, skipped_blocks
from parakeet_cli.audio.decode.recover.mpeg import FrameIndex
from parakeet_cli.audio.decode.recover.mpeg_headers import HEADER_BYTES
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.audio.decode.resample import TimedFrame
from parakeet_cli.audio.decode.streams.decoders import AudioDecoder

JITTER_SECONDS = 0.04  # healthy Vorbis and Matroska clocks are off by up to some 10 ms
# Elsewhere (AVI, raw streams) timestamps are made up from counts and bit rates.
TIMEKEEPERS = frozenset(
    {"ogg", "matroska", "mov", "asf", "mpegts", "flac", "flv", "caf", "mxf", "nut"}
)
# MXF counts in units as long as a picture, so that a gap is one of them at least.
EXACT = {"mxf": 0.005}
# Packets that share a parser's frames get the wrong timestamps.
UNTIMED = frozenset({("asf", "flac")})
# libav trims the packet table's remainder from a last frame that is short already.
UNTRIMMED = frozenset({("caf", "alac")})
MIN_DAMAGE_GAP = 0.002  # seconds; beside damage every gap counts that isn't rounding
MAX_CLUSTER = 1 << 24  # bytes of Matroska; five seconds or megabytes are common
FLAC_OVERHEAD = 64  # bytes of a frame that are not its samples
MAX_PADDING = 8  # bytes of zeros behind the sound, which libav takes for a packet
MAX_READ_ERRORS = 100  # in a row, without a packet between them: the rest can't be read


class Decoding(Protocol):
    """A stream's frames in order, once; damage is counted on the way.

    `reached` is the end of the last packet, decoded or not, in seconds; `position` the last
    byte that was read; `failed` if reading ended with an error, not at the end of the file.
    Up to `covered` the file is known to have everything, whether the stream has sound there or
    not. Another recording begins at the byte `following`, if one was found on the way.
    """

    damaged_packets: int
    reached: float
    covered: float
    position: int
    failed: bool
    following: int | None

    def __iter__(self) -> Iterator[TimedFrame]: ...


class Progress:
    """How far a decoding came: the state that all ways have."""

    def __init__(self, reached: float = 0.0) -> None:
        self.damaged_packets = 0
        self.reached = reached
        self.covered = 0.0
        self.position = 0
        self.failed = False
        self.following: int | None = None


class ByTimestamps(Progress):
    """Decodes the packets of libav's demuxer, at their timestamps."""

    def __init__(self, opened: Opened, part: FilePart) -> None:
        super().__init__()
        self._opened = opened
        self._part = part
        self._has_holes = bool(part.unreadable)
        self._origin = opened.origin
        self._codec = opened.decoder
        context, container = opened.stream.codec_context, opened.container.format.name
        self._keeps_time = not TIMEKEEPERS.isdisjoint(container.split(","))
        if (container, context.name) in UNTIMED:
            self._keeps_time = False
        if (container, context.name) in UNTRIMMED:
            context.options = {"flags2": "+skip_manual"}
        self._jitter = EXACT.get(container, JITTER_SECONDS)
        self._shift = 0.0  # for timestamps that went back, as in files joined from several
        self._end = 0.0  # of the last frame, in seconds
        self._frame_seconds = 0.0  # the length of the last frame
        self._damaged_since = 0  # damaged packets since the last frame
        if opened.stream.codec_context.name == "flac":
            # Without this, garbage between two frames is decoded to noise.
            opened.stream.codec_context.options = {"err_detect": "crccheck+explode"}

    def __iter__(self) -> Iterator[TimedFrame]:
        for packet in self._packets():
            frames = self._decode(packet)
            if frames is not None:
                yield from self._place_all(packet, frames)
                continue
            self._damaged_since += 1
            if self._is_following(packet):
                self.damaged_packets -= 1
                self.reached = 0.0
                break
        self.reached = max(self.reached, self._end)

    def _is_following(self, packet: Packet[Any]) -> bool:
        """Whether a damaged packet belongs to another recording, at `following`."""
        return False

    def _place_all(
        self, packet: Packet[AudioStream], frames: list[AudioFrame]
    ) -> Iterator[TimedFrame]:
        for frame in frames:
            yield self._place(frame, self._gap(frame))

    def _gap(self, frame: AudioFrame) -> float:
        """Seconds between the last frame's end and this one's start."""
        if self._keeps_time and frame.time is not None:
            return frame.time - self._origin + self._shift - self._end
        return self._damaged_since * self._frame_seconds

    def _place(self, frame: AudioFrame, gap: float, reason: str = JUMP) -> TimedFrame:
        """The next frame, at its time if a gap precedes it; `reason` is the gap's."""
        if gap > (MIN_DAMAGE_GAP if self._damaged_since else self._jitter):
            damaged = reason != PAUSE and not self._damaged_since and self._end > 0
            self.damaged_packets += damaged
            self._end += gap
            timed = TimedFrame(frame, self._end, DAMAGED if self._damaged_since else reason)
        else:
            self._shift -= gap if gap < -self._jitter else 0.0
            timed = TimedFrame(frame, None, DAMAGED)
        self._damaged_since = 0
        self._frame_seconds = frame.samples / frame.sample_rate
        self._end += self._frame_seconds
        return timed

    def _decode(self, packet: Packet[Any]) -> list[AudioFrame] | None:
        """A packet's frames; None if it is damaged."""
        if self._has_holes and self._part.is_unreadable(packet.pos or 0, packet.size):
            self._count_damaged(packet)
            return None
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            if not packet.size or (packet.size <= MAX_PADDING and not any(bytes(packet))):
                return []
            self._count_damaged(packet)
            return None
        return [frame for frame in frames if frame.samples]

    def _count_damaged(self, packet: Packet[Any]) -> None:
        self.damaged_packets += 1
        if packet.pts is not None and packet.time_base is not None:
            length = float((packet.duration or 0) * packet.time_base)
            end = float(packet.pts * packet.time_base) + length
            self.reached = max(self.reached, end - self._origin)
            self._frame_seconds = self._frame_seconds or length

    def _demux(self) -> Iterator[Packet[AudioStream]]:
        return self._opened.container.demux(self._opened.stream)

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        errors = 0
        while errors < MAX_READ_ERRORS:
            try:
                for packet in self._demux():
                    errors = 0
                    if packet.pos is not None:
                        self.position = packet.pos + packet.size
                    yield packet
            except (av.FFmpegError, IndexError):  # the latter for a stream that appears midway
                if not errors:
                    self._part.check(self.position)
                errors += 1  # libav skips what it can't parse when it is called again
            else:
                self._part.check(self.position)  # libav takes some read errors for the end
                return
        self.failed = True


class MatroskaByTimestamps(ByTimestamps):
    """Also decodes the blocks behind a hole that libav skips."""

    def __init__(self, opened: Opened, part: FilePart) -> None:
        super().__init__(opened, part)
        self._last = 0, 0.0  # byte and second of the last packet that was decoded

    def __iter__(self) -> Iterator[TimedFrame]:
        yield from super().__iter__()
        found = list(self._skipped(self._part.size, None))
        self.damaged_packets += bool(found) and not self._damaged_since
        yield from found

    def _place_all(
        self, packet: Packet[AudioStream], frames: list[AudioFrame]
    ) -> Iterator[TimedFrame]:
        for frame in frames:
            gap = self._gap(frame)
            if gap > JITTER_SECONDS and packet.pos is not None:
                gap = yield from self._fill_gap(frame, gap, packet.pos)
            yield self._place(frame, gap)
        if packet.size and packet.pos is not None:
            self._last = packet.pos, self._end - self._frame_seconds

    def _fill_gap(
        self, frame: AudioFrame, gap: float, position: int
    ) -> Generator[TimedFrame, None, float]:
        """Yield the skipped frames before `frame`; return the gap that is left."""
        start = (frame.time or 0.0) - self._origin + self._shift
        found = list(self._skipped(position, start))
        if not found:
            return gap
        self.damaged_packets += not self._damaged_since
        self._damaged_since += 1
        yield from found
        self._end = self.reached
        return start - self._end

    def _skipped(self, stop: int, until: float | None) -> Iterator[TimedFrame]:
        """The frames that libav skipped before the byte `stop`, which is at second `until`.

        Those of the last cluster are timed by its clock. Those of a cluster that lost its
        head are timed by the packet after them: the last frame ends where that begins.
        """
        position, start = self._last
        end = self._end
        with self._part.open() as file:
            reader = Reader(file, self._part.size)
            last = block_around(reader, position)
            if last is None:
                return
            base = start - last.time / 1000
            time = last.time
            blocks = list(skipped_blocks(reader, last, min(stop, position + MAX_CLUSTER)))
            for block in blocks:
                if block.time <= time:
                    if until is None:
                        break
                    base = until - self._frame_seconds - blocks[-1].time / 1000
                time, at = block.time, base + block.time / 1000
                if at < end - JITTER_SECONDS:
                    continue
                frames = self._decode(Packet(reader.read(block.data, block.end - block.data)))
                for frame in frames or ():
                    yield TimedFrame(frame, at if at - end > MIN_DAMAGE_GAP else None, DAMAGED)
                    end = max(end, at) + frame.samples / frame.sample_rate
                    at = end
        self.reached = max(self.reached, end)


class FlacByTimestamps(ByTimestamps):
    """Decodes by timestamps until the first damage, and by frame number from there on."""

    def __init__(self, opened: Opened, part: FilePart) -> None:
        super().__init__(opened, part)
        self._intact = 0  # byte after the last packet that was decoded
        self._last = 0  # its first byte; the header of another recording may be in its last ones

    def __iter__(self) -> Iterator[TimedFrame]:
        damaged = yield from self._until_damage()
        if damaged:
            # The damage may be the beginning of another recording.
            with self._part.open() as file:
                reader = Reader(file, self._part.size)
                self.following = find_recording(reader, max(1, self._last))
            part = self._part
            if self.following is not None:
                self.damaged_packets = 0  # the one with the header of another recording
                part = replace(part, end=part.start + self.following)
            numbered = ByNumber(self._codec, part, self._intact, self._end)
            yield from numbered
            self.damaged_packets += numbered.damaged_packets
            self._end = numbered.reached
        self.reached = max(self.reached, self._end)

    def _until_damage(self) -> Generator[TimedFrame, None, bool]:
        """The frames before the first damage; returns whether there is any.

        A packet that is longer than its samples has something else behind them.
        """
        context = self._opened.stream.codec_context
        parameters = context.sample_rate, context.layout.nb_channels
        for packet in self._packets():
            frames = self._decode(packet)
            if frames is None:
                self._damaged_since += 1
                return True
            for frame in frames:
                gap = self._gap(frame)
                same = (frame.sample_rate, frame.layout.nb_channels) == parameters
                if abs(gap) > MIN_DAMAGE_GAP or not same:
                    self._damaged_since += 1
                    return True
                yield self._place(frame, gap)
            if packet.size and packet.pos is not None:
                self._last, self._intact = packet.pos, packet.pos + packet.size
                samples = sum(frame.samples * frame.layout.nb_channels for frame in frames)
                if packet.size > FLAC_OVERHEAD + samples * 4:
                    self._intact = packet.pos + 1
                    return True
        return False


class ByCount(Progress):
    """Decodes MP3, ADTS or AMR frames from an index of them, each run at its place."""

    def __init__(self, opened: Opened, part: FilePart, index: FrameIndex) -> None:
        super().__init__()
        self._codec = opened.decoder
        self._part = part
        self._index = index

    def __iter__(self) -> Iterator[TimedFrame]:
        with self._part.open() as file:
            reader = Reader(file, self._part.size)
            for number, run in enumerate(self._index.runs):
                if number:  # discard decoder state from before the gap
                    self._codec.flush_buffers()
                    self.damaged_packets += self._index.runs[number - 1].broken
                start: float | None = self._index.starts[number]
                position, done = run.start, 0
                while position < run.end:
                    header = self._index.frame_format.parse(*reader.window(position, HEADER_BYTES))
                    if header is None:
                        break
                    packet = Packet(reader.read(position, header.size))
                    position += header.size
                    done += header.samples
                    try:
                        frames = self._codec.decode(packet)
                    except av.FFmpegError:
                        self.damaged_packets += 1
                        start = self._index.starts[number] + done / run.rate
                        continue
                    for frame in frames:
                        yield TimedFrame(frame, start, DAMAGED)
                        start = None
                self.reached = self._index.starts[number] + done / run.rate
            if self._index.runs[-1].broken:
                self.damaged_packets += 1
            self.position = self._part.size


class ByNumber(Progress):
    """Decodes FLAC frames from a byte on, each at the place of its own number."""

    def __init__(self, codec: AudioDecoder, part: FilePart, position: int, end: float) -> None:
        super().__init__(end)
        self._codec = codec
        self._part = part
        self._position = position
        self._end = end

    def __iter__(self) -> Iterator[TimedFrame]:
        end = self._end
        counted = False  # the damage before the next frame
        self._codec.flush_buffers()
        with self._part.open() as file:
            size = self._part.size
            reader = Reader(file, size)  # the search is a frame ahead, with its own window
            for one in FlacFrames(Reader(file, size), self._position):
                start = one.sample / one.rate
                if start < end - MIN_DAMAGE_GAP:
                    continue
                self.reached = max(self.reached, start + one.samples / one.rate)
                try:
                    frames = self._codec.decode(Packet(reader.read(one.position, one.size)))
                except av.FFmpegError:
                    self.damaged_packets += 1
                    counted = True
                    continue
                # The decoder can't report a frame whose header is missing.
                gap = start - end > MIN_DAMAGE_GAP
                self.damaged_packets += gap and not counted
                counted = False
                for frame in frames:
                    timed = start if start - end > MIN_DAMAGE_GAP else None
                    yield TimedFrame(frame, timed, DAMAGED)
                    end = start = start + frame.samples / one.rate
