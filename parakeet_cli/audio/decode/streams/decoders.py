"""Chooses the decoder that suits a stream best: mostly libav's own, as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from av import AudioCodecContext, AudioFrame, Packet

from parakeet_cli.audio.decode.streams.amr import amr_decoder
from parakeet_cli.audio.decode.streams.tta import ShortLastFrame


class AudioDecoder(Protocol):
    """What turns packets into frames: a codec context of libav, or one that is adapted."""

    def decode(self, packet: Packet[Any], /) -> list[AudioFrame]: ...

    def flush_buffers(self) -> None: ...


ADAPTED: dict[str, Callable[[AudioCodecContext], AudioDecoder]] = {
    "amrnb": amr_decoder,
    "amrwb": amr_decoder,
    "tta": ShortLastFrame,
}


def decoder_for(codec: AudioCodecContext) -> AudioDecoder:
    """The decoder for a stream with that codec."""
    adapt = ADAPTED.get(codec.name)
    return codec if adapt is None else adapt(codec)
