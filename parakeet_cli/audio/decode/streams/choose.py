"""Chooses one of several audio streams: the default, or else the first that has sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import av
import numpy as np
from av import AudioFrame, Packet
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from parakeet_cli.audio.decode.libav import language_tag, text_tag
from parakeet_cli.audio.decode.streams.languages import same_language
from parakeet_cli.transcript import StreamInfo

AUDIBLE = 3e-4  # of full scale, -70 dB: louder than the dither of digital silence
MAX_SECONDS = 600.0  # of silence, after which another stream that has sound is taken


def choose_stream(
    streams: Sequence[AudioStream],
    language: str | None,
    reopen: Callable[[], InputContainer],
) -> int:
    """The number of the stream to take: one in the language, if that is given and there is one.

    Of several, the one that the container calls the default; of those left, and before one
    without any sound, the first. `reopen` opens the file once more, to listen.
    """
    if len(streams) == 1:
        return 0
    order = sorted(range(len(streams)), key=lambda number: _rank(streams[number], language, number))
    with reopen() as container:
        return _first_with_sound(container, order)


def _rank(stream: AudioStream, language: str | None, number: int) -> tuple[bool, bool, bool, int]:
    """What comes first is better."""
    other = language is not None and not same_language(language_tag(stream), language)
    return not is_decodable(stream), other, not is_default(stream), number


def _first_with_sound(container: InputContainer, order: Sequence[int]) -> int:
    numbers = {stream.index: number for number, stream in enumerate(container.streams.audio)}
    audible: set[int] = set()
    for packet in _readable(container):
        number = numbers[packet.stream.index]
        if number not in audible and _has_sound(packet):
            audible.add(number)
            if number == order[0]:
                break
        if packet.pts is not None and packet.pts * (packet.time_base or 0) > MAX_SECONDS:
            break
    return next((number for number in order if number in audible), order[0])


def _readable(container: InputContainer) -> Iterator[Packet[Any]]:
    """The packets of all audio streams, as far as they can be read."""
    with suppress(av.FFmpegError):
        yield from container.demux(*container.streams.audio)


def _has_sound(packet: Packet[Any]) -> bool:
    try:
        frames = cast("list[AudioFrame]", packet.decode())
    except av.FFmpegError:
        return False
    return any(_peak(frame) > AUDIBLE for frame in frames)


def _peak(frame: AudioFrame) -> float:
    """The largest value of a frame, where full scale is 1."""
    values: NDArray[Any] = frame.to_ndarray()
    if values.dtype == np.uint8:
        return float(np.abs(values.astype(np.int16) - 128).max(initial=0)) / 128
    scale = float(np.iinfo(values.dtype).max) if values.dtype.kind == "i" else 1.0
    return float(np.abs(values.astype(np.float64)).max(initial=0.0)) / scale


def is_decodable(stream: AudioStream) -> bool:
    """Whether this build of libav has a decoder for the stream."""
    context = stream.codec_context
    return context is not None and bool(
        context.sample_rate or context.name not in ("none", "unknown")
    )


def is_default(stream: AudioStream) -> bool:
    """Whether the container says that players should take this stream."""
    return bool(stream.disposition & Disposition.default)


def describe_streams(streams: Sequence[AudioStream], taken: int | None) -> tuple[StreamInfo, ...]:
    """What the container says of each stream, in its order."""
    return tuple(
        StreamInfo(
            index=number,
            codec=stream.codec_context.name if stream.codec_context else None,
            language=language_tag(stream),
            title=text_tag(stream, "title"),
            default=is_default(stream),
            taken=number == taken,
        )
        for number, stream in enumerate(streams)
    )
