"""Packets to decoded frames, each with its place on the source's clock.

Three ways lead there, and damage decides which:

    by timestamps   whatever libav's demuxer gives, for every container that keeps time
    by count        MP3 and ADTS with holes: frame by frame from their own headers
    by number       FLAC after damage: its frames say themselves which they are
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import av
from av import AudioCodecContext, AudioFrame, AudioStream, Packet

from parakeet_cli.audio.decode.coverage import DAMAGED, JUMP
from parakeet_cli.audio.decode.open import Opened
from parakeet_cli.audio.decode.recover.flac import FlacFrames
from parakeet_cli.audio.decode.recover.matroska_blocks import block_around, passed_over
from parakeet_cli.audio.decode.recover.mpeg_frames import Reader
from parakeet_cli.audio.decode.recover.mpeg_index import Survey
from parakeet_cli.audio.decode.resample import Timed

JITTER_SECONDS = 0.04  # healthy Vorbis and Matroska clocks are off by up to some 10 ms
# Elsewhere (AVI, raw streams) timestamps are made up from counts and bit rates.
TIMEKEEPERS = frozenset({"ogg", "matroska", "mov", "asf", "mpegts", "flac", "flv", "caf", "mxf"})
LEAST_GAP = 0.002  # beside damage every gap counts that isn't rounding
LONGEST_CLUSTER = 1 << 24  # bytes of Matroska; five seconds or megabytes are common
READ_ERRORS = 100  # in a row, without a packet between them: the rest can't be read


class Decoding(Protocol):
    """A stream's frames in order, once; damage is counted on the way.

    `reached` is where the last packet ended, decoded or not, in seconds.
    """

    damaged_packets: int
    reached: float

    def __iter__(self) -> Iterator[Timed]: ...


class ByTimestamps:
    """libav's demuxer and its timestamps."""

    def __init__(self, opened: Opened, path: Path) -> None:
        self.damaged_packets = 0
        self.reached = 0.0
        self._opened = opened
        self._path = path
        self._origin = opened.origin
        self._codec = opened.stream.codec_context
        names = opened.container.format.name.split(",")
        self._keeps_time = not TIMEKEEPERS.isdisjoint(names)
        self._matroska = "matroska" in names
        self._last = 0, 0.0  # byte and second of the last packet that was decoded
        self._flac = opened.container.format.name == "flac"
        if self._codec.name == "flac":
            # Without it, garbage between two frames is taken for sound.
            self._codec.options = {"err_detect": "crccheck+explode"}

    def __iter__(self) -> Iterator[Timed]:
        shift = 0.0  # of timestamps that went back, as in files put together from several
        end = 0.0
        good = 0  # byte after the last packet that was decoded
        suspect = 0  # damaged packets since the last sound
        length = 0.0  # of the last frame, in seconds
        for packet in self._packets():
            frames = self._decoded(packet)
            if frames is None:
                suspect += 1
                if self._flac:
                    break
                continue
            for frame in frames:
                if self._keeps_time and frame.time is not None:
                    gap = frame.time - self._origin + shift - end
                else:
                    gap = suspect * length
                if self._flac and abs(gap) > LEAST_GAP:
                    suspect += 1
                    break
                if gap > JITTER_SECONDS and self._matroska and packet.pos is not None:
                    until = (frame.time or 0.0) - self._origin + shift
                    found = list(self._passed_over(end, packet.pos, until, length))
                    if found:
                        self.damaged_packets += not suspect
                        suspect += 1
                        yield from found
                        end = self.reached
                        gap = until - end
                if gap > (LEAST_GAP if suspect else JITTER_SECONDS):
                    self.damaged_packets += not suspect and end > 0
                    end += gap
                    yield Timed(frame, end, DAMAGED if suspect else JUMP)
                else:
                    shift -= gap if gap < -JITTER_SECONDS else 0.0
                    yield Timed(frame, None, DAMAGED)
                suspect = 0
                length = frame.samples / frame.sample_rate
                end += length
            if self._flac and suspect:
                break
            if packet.size and packet.pos is not None:
                good = packet.pos + packet.size
                self._last = packet.pos, end - length
        if self._flac and suspect:
            numbered = ByNumber(self._codec, self._path, good, end)
            yield from numbered
            self.damaged_packets += numbered.damaged_packets
            end = numbered.reached
        if self._matroska:
            found = list(self._passed_over(end, self._path.stat().st_size, None, length))
            self.damaged_packets += bool(found) and not suspect
            yield from found
        self.reached = max(self.reached, end)

    def _passed_over(
        self, end: float, stop: int, until: float | None, length: float
    ) -> Iterator[Timed]:
        """Frames that libav left out up to the byte `stop`, where the second `until` is.

        Those of the last cluster go by its time. Those of one that lost its head go by
        what follows them: the last of them, `length` seconds long, ends there.
        """
        position, start = self._last
        with self._path.open("rb") as file:
            reader = Reader(file, self._path.stat().st_size)
            last = block_around(reader, position)
            if last is None:
                return
            base = start - last.time / 1000
            time = last.time
            blocks = list(passed_over(reader, last, min(stop, position + LONGEST_CLUSTER)))
            for block in blocks:
                if block.time <= time:
                    if until is None:
                        break
                    base = until - length - blocks[-1].time / 1000
                time, at = block.time, base + block.time / 1000
                if at < end - JITTER_SECONDS:
                    continue
                frames = self._decoded(Packet(reader.read(block.data, block.end - block.data)))
                for frame in frames or ():
                    yield Timed(frame, at if at - end > LEAST_GAP else None, DAMAGED)
                    end = max(end, at) + frame.samples / frame.sample_rate
                    at = end
        self.reached = max(self.reached, end)

    def _decoded(self, packet: Packet[Any]) -> list[AudioFrame] | None:
        """A packet's frames; None where it is damaged."""
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            self.damaged_packets += 1
            if packet.pts is not None and packet.time_base is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self.reached = max(self.reached, end - self._origin)
            return None
        return [frame for frame in frames if frame.samples]

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        errors = 0
        while errors < READ_ERRORS:
            try:
                for packet in self._opened.container.demux(self._opened.stream):
                    errors = 0
                    yield packet
            except av.FFmpegError:
                errors += 1  # libav skips what it can't parse when it is asked again
            else:
                return


class ByCount:
    """MP3 or ADTS frames where a survey found them, each run at its place."""

    def __init__(self, opened: Opened, path: Path, survey: Survey) -> None:
        self.damaged_packets = 0
        self.reached = 0.0
        self._codec = opened.stream.codec_context
        self._path = path
        self._survey = survey

    def __iter__(self) -> Iterator[Timed]:
        with self._path.open("rb") as file:
            reader = Reader(file, self._path.stat().st_size)
            for number, run in enumerate(self._survey.runs):
                if number:  # what the decoder holds is of before the hole
                    self._codec.flush_buffers()
                    self.damaged_packets += self._survey.runs[number - 1].broken
                start: float | None = self._survey.starts[number]
                position, done = run.start, 0
                while position < run.end:
                    header = self._survey.form.parse(*reader.window(position))
                    if header is None:
                        break
                    packet = Packet(reader.read(position, header.size))
                    position += header.size
                    done += header.samples
                    try:
                        frames = self._codec.decode(packet)
                    except av.FFmpegError:
                        self.damaged_packets += 1
                        start = self._survey.starts[number] + done / run.rate
                        continue
                    for frame in frames:
                        yield Timed(frame, start, DAMAGED)
                        start = None
                self.reached = self._survey.starts[number] + done / run.rate
            if self._survey.runs[-1].broken:
                self.damaged_packets += 1


class ByNumber:
    """FLAC frames from a byte on, each where its own number says."""

    def __init__(self, codec: AudioCodecContext, path: Path, position: int, end: float) -> None:
        self.damaged_packets = 0
        self.reached = end
        self._codec = codec
        self._path = path
        self._position = position
        self._end = end

    def __iter__(self) -> Iterator[Timed]:
        end = self._end
        complained = False
        self._codec.flush_buffers()
        with self._path.open("rb") as file:
            size = self._path.stat().st_size
            reader = Reader(file, size)  # the search is a frame ahead, with its own window
            for one in FlacFrames(Reader(file, size), self._position):
                start = one.sample / one.rate
                if start < end - LEAST_GAP:
                    continue
                self.reached = max(self.reached, start + one.samples / one.rate)
                try:
                    frames = self._codec.decode(Packet(reader.read(one.position, one.size)))
                except av.FFmpegError:
                    self.damaged_packets += 1
                    complained = True
                    continue
                # A frame whose header is gone is one that no decoder complained of.
                gap = start - end > LEAST_GAP
                self.damaged_packets += gap and not complained
                complained = False
                for frame in frames:
                    yield Timed(frame, start if start - end > LEAST_GAP else None, DAMAGED)
                    end = start = start + frame.samples / one.rate
