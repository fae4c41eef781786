"""A media file to blocks of 16 kHz mono float32, in bounded memory.

    with open_media(path) as media:
        for block in media:
            ...
        media.accounting

Anything that libav opens, video included. Every channel is averaged into one unless
`channel` picks one, counted from 0 as `audio_stream` is.

Codecs crash, hang and eat memory on broken input, so they work in a process of their
own (`isolation`), and libav is not even loaded in this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from parakeet_cli.audio.samples import BLOCK_SECONDS, SAMPLE_RATE, Block, Samples, Span
from parakeet_cli.transcript import Accounting, Source

__all__ = [
    "BLOCK_SECONDS",
    "SAMPLE_RATE",
    "Block",
    "Media",
    "Samples",
    "open_media",
    "probe_duration",
    "warm_up",
]


WHOLE = Span()


class Media(ABC):
    """An open media file: iterate over it once for its blocks, then ask `accounting`.

    `source` and `accounting` hold what the header says until the iteration ends, then
    what was found.
    """

    def __init__(self, source: Source, accounting: Accounting) -> None:
        self.source = source
        self.accounting = accounting

    def __enter__(self) -> Media:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def __iter__(self) -> Iterator[Block]:
        """The blocks, in order. Raises InputError where nothing at all can be decoded."""

    @abstractmethod
    def close(self) -> None:
        """Let the file go; done twice it does no harm."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a file. `name` is what the user called it."""

    path: str
    name: str
    audio_stream: int | None = None
    channel: int | None = None
    span: Span = WHOLE


def open_media(
    path: Path,
    *,
    name: str | None = None,
    audio_stream: int | None = None,
    channel: int | None = None,
    offset: float = 0.0,
    duration: float | None = None,
    isolated: bool = True,
) -> Media:
    """Open a media file. `name` is what the user called it, `stdin` for instance.

    `audio_stream` and `channel` count from 0; without them it is the first stream and
    the mean of all channels. `offset` and `duration` ask for a part, in seconds; the
    blocks still lie on the whole source's clock. `isolated` decodes in a worker process,
    so that a codec's crash is this file's and no other's. Raises InputError, with one
    sentence.
    """
    end = None if duration is None else offset + duration
    request = Request(
        str(path.absolute()), name or str(path), audio_stream, channel, Span(offset, end)
    )
    if isolated:
        from parakeet_cli.audio.decode.pool import IsolatedMedia

        return IsolatedMedia(request)
    from parakeet_cli.audio.decode.in_process import LocalMedia

    return LocalMedia(request)


def probe_duration(path: Path, *, isolated: bool = True) -> float | None:
    """What the header says the length is, in seconds; None where it says nothing.

    Cheap, for planning: nothing is decoded, and it may be an estimate.
    """
    if isolated:
        from parakeet_cli.audio.decode.pool import isolated_duration

        return isolated_duration(path)
    from parakeet_cli.audio.decode.in_process import local_duration

    return local_duration(path)


def warm_up(workers: int = 1) -> None:
    """Start workers now, while a model is loading for instance; returns at once."""
    from parakeet_cli.audio.decode.pool import POOL

    POOL.warm_up(workers)
