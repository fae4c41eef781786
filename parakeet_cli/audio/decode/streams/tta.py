"""Decodes the last frame of TTA where the decoder doesn't know that it is the last.

That frame is shorter than all others, and only the number of samples in the header says so.
Matroska has no such number: libav takes it from the duration of the file, which may be that of a
picture. Each frame has a checksum, so it is known whether the frame is only short or damaged.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import av
from av import AudioCodecContext, AudioFrame, Packet

SAMPLES = slice(14, 18)  # of the header: their number
RATE = slice(10, 14)
ROUNDING = 0.001  # seconds; Matroska states durations in milliseconds


class ShortLastFrame:
    """libav's TTA decoder, which also decodes an undamaged last frame of unknown length."""

    def __init__(self, codec: AudioCodecContext) -> None:
        self._codec = codec

    def decode(self, packet: Packet[Any], /) -> list[AudioFrame]:
        try:
            return self._codec.decode(packet)
        except av.FFmpegError:
            frame = self._short(packet)
            if frame is None:
                raise
            return [frame]

    def flush_buffers(self) -> None:
        self._codec.flush_buffers()

    def _short(self, packet: Packet[Any]) -> AudioFrame | None:
        """The frame of an undamaged packet, about as long as the container says."""
        data, header = bytes(packet), self._codec.extradata
        if header is None or len(header) < SAMPLES.stop or not _is_intact(data):
            return None
        rate = int.from_bytes(header[RATE], "little")
        seconds = float((packet.duration or 0) * (packet.time_base or 0))
        fewest = max(1, round((seconds - ROUNDING) * rate))
        most = min(round((seconds + ROUNDING) * rate), 256 * rate // 245)
        for samples in range(most, fewest - 1, -1):  # padding may pass for one more sample
            frame = _decoded(header, data, samples)
            if frame is not None:
                if packet.pts is not None and packet.time_base is not None:
                    frame.pts, frame.time_base = packet.pts, packet.time_base
                return frame
        return None


def _is_intact(data: bytes) -> bool:
    return len(data) > 4 and zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")


def _decoded(header: bytes, data: bytes, samples: int) -> AudioFrame | None:
    """The only frame of a stream of so many samples; None if it has another number."""
    codec = AudioCodecContext.create("tta", "r")
    assert isinstance(codec, AudioCodecContext)
    codec.extradata = header[: SAMPLES.start] + struct.pack("<I", samples) + header[SAMPLES.stop :]
    try:
        frames = codec.decode(Packet(data))
    except av.FFmpegError:
        return None
    return frames[0] if frames else None
