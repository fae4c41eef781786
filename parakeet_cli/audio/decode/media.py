"""Decodes a media file to blocks of 16 kHz mono float32, in bounded memory.

    with open_media(path) as media:
        for block in media:
            ...
        media.accounting

Anything that libav opens, video included. Every channel is averaged into one unless
`channel` picks one, counted from 0 as `audio_stream` is.

Codecs crash, hang and use up memory on broken input, so they run in worker processes
(`pool`), and libav isn't even loaded in this one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from parakeet_cli.audio.decode.base import Media, MediaRequest, Notes
from parakeet_cli.audio.decode.pool import (
    DecoderPool,
    IsolatedMedia,
    default_pool,
    isolated_duration,
    isolated_streams,
)
from parakeet_cli.audio.decode.probe.headers import header_seconds
from parakeet_cli.audio.samples import BLOCK_SECONDS, SAMPLE_RATE, Block, Samples, Span
from parakeet_cli.transcript import StreamInfo

__all__ = [
    "BLOCK_SECONDS",
    "SAMPLE_RATE",
    "Block",
    "Media",
    "Samples",
    "header_seconds",
    "open_media",
    "probe_duration",
    "probe_streams",
    "warm_up",
]


def open_media(
    path: Path,
    *,
    name: str | None = None,
    audio_stream: int | None = None,
    channel: int | None = None,
    language: str | None = None,
    offset: float = 0.0,
    duration: float | None = None,
    isolated: bool = True,
    pool: DecoderPool | None = None,
    annotator: str = "",
    on_notes: Callable[[Notes | None], object] = lambda _: None,
    wants_bare: Callable[[], bool] = lambda: False,
) -> Media:
    """Open a media file. `name` is the user's name for it, such as `stdin`.

    `audio_stream` and `channel` count from 0; the defaults are the file's default stream, or
    the one in the `language`, and the mean of all channels. `offset` and `duration` select a
    part, in seconds; its blocks still have the whole source's clock. `isolated` decodes in a worker
    process of `pool` (by default this process's own), so that a codec's crash affects this file
    only. What the `annotator` (`package.module:Name`) notes there is passed to `on_notes`, before
    the block that it belongs to; `wants_bare` may ask for a block without notes. Raises InputError,
    with one sentence.
    """
    end = None if duration is None else offset + duration
    request = MediaRequest(
        str(path.absolute()),
        name or str(path),
        audio_stream,
        channel,
        Span(offset, end),
        language,
        annotator=annotator,
    )
    if isolated:
        return IsolatedMedia(request, pool or default_pool(), on_notes, wants_bare)
    from parakeet_cli.audio.decode.decoder import RescuingMedia  # loads libav

    return RescuingMedia(request)


def probe_duration(path: Path, *, pool: DecoderPool | None = None) -> float | None:
    """The length that the header declares, in seconds; None if it declares none.

    Cheap, for planning: nothing is decoded, and it may be an estimate. What our own readers don't
    know, libav is asked for, by a worker process of `pool`.
    """
    seconds = header_seconds(path)
    return isolated_duration(path, pool or default_pool()) if seconds is None else seconds


def probe_streams(path: Path, *, pool: DecoderPool | None = None) -> tuple[StreamInfo, ...]:
    """The audio streams that the header names; none if it can't be read."""
    return isolated_streams(path, pool or default_pool())


def warm_up(workers: int = 1, annotator: str = "") -> None:
    """Start workers now, for instance while a model is loading. Returns at once."""
    default_pool().warm_up(workers, annotator)
