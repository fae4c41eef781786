"""An open media file, and the request that opens one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import Block, Span
from parakeet_cli.transcript import Accounting, Doubt, Source

WHOLE = Span()


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A file to open, one of its streams and a part of it. `name` is the user's name for it.

    Without an `audio_stream`, one in the `language` is preferred. `annotator` is where the
    `Annotator` is that a decoder process makes for the file, such as `package.module:Name`.
    """

    path: str
    name: str
    audio_stream: int | None = None
    channel: int | None = None
    span: Span = WHOLE
    language: str | None = None
    unreadable: tuple[tuple[int, int], ...] = ()  # bytes that the disk can't read
    annotator: str = ""


Notes = NDArray[np.float32]


class Annotator(Protocol):
    """Computes something about each block of a file, in the process that decodes it."""

    def add(self, block: Block) -> Notes:
        """What is known with this block, shape (n,)."""
        ...

    def skip(self, block: Block) -> None:
        """Take a block whose notes are made elsewhere."""
        ...

    def finish(self) -> Notes:
        """What is known at the end."""
        ...


class Helper(Protocol):
    """Makes notes for a block that another process has decoded."""

    def __call__(self, samples: NDArray[np.float32], **values: float) -> Notes:
        """The notes for samples of shape (n,) and what else is to be known of them."""
        ...


class Media(ABC):
    """An open media file: iterate over it once for its blocks, then read `accounting`.

    Until the iteration ends, `source` and `accounting` hold the header's values; then they
    hold the decoded file's, and `doubts` holds what is doubtful about its sound.
    """

    def __init__(
        self, source: Source, accounting: Accounting, doubts: tuple[Doubt, ...] = ()
    ) -> None:
        self.source = source
        self.accounting = accounting
        self.doubts = doubts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def __iter__(self) -> Iterator[Block]:
        """The blocks, in order. Raises InputError if nothing at all can be decoded."""

    @abstractmethod
    def close(self) -> None:
        """Release the file. May be called twice."""
