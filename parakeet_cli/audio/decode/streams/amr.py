"""Decodes AMR as phones make it: with frames of comfort noise, or of nothing, in the pauses.

libav's own decoders take those frames for damage. opencore-amr, which most builds of libav
have, decodes them; where it is missing, they are silence.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from av import AudioCodecContext, AudioFrame, Packet

# For each of libav's own decoders: opencore's, and the first frame type that isn't speech
# (3GPP TS 26.101 and 26.201, table 1a).
AMR_DECODERS = {"amrnb": ("libopencore_amrnb", 8), "amrwb": ("libopencore_amrwb", 9)}
RATES = {"amrnb": 8_000, "amrwb": 16_000}
FRAME_SECONDS = 0.02


class PausesAsSilence:
    """libav's own AMR decoder, which skips what isn't speech: there it returns silence."""

    def __init__(self, codec: AudioCodecContext) -> None:
        self._codec = codec
        _, self._first_pause = AMR_DECODERS[codec.name]
        self._rate = RATES[codec.name]

    def decode(self, packet: Packet[Any], /) -> list[AudioFrame]:
        if not packet.size or bytes(packet)[0] >> 3 & 15 < self._first_pause:
            return self._codec.decode(packet)
        silence = np.zeros((1, round(self._rate * FRAME_SECONDS)), np.float32)
        frame = AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = self._rate
        if packet.pts is not None:
            frame.pts, frame.time_base = packet.pts, packet.time_base
        return [frame]

    def flush_buffers(self) -> None:
        self._codec.flush_buffers()


def amr_decoder(codec: AudioCodecContext) -> AudioCodecContext | PausesAsSilence:
    """opencore's decoder in the place of libav's own; where it is missing, that with silence."""
    name, _ = AMR_DECODERS[codec.name]
    try:
        opencore = cast("AudioCodecContext", AudioCodecContext.create(name, "r"))
    except ValueError:  # this build of libav lacks it
        return PausesAsSilence(codec)
    opencore.sample_rate, opencore.layout = RATES[codec.name], "mono"
    return opencore
