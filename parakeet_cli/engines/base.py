"""What an engine is, for everyone who uses one or writes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.transcript import EngineInfo, Segment


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one source, no longer than the engine's window.

    `samples` are mono float32 in [-1, 1] at 16 kHz, shape (n,); `start` is where they
    lie on the source's clock, in seconds. `last` marks the end of the source.
    """

    samples: NDArray[np.float32]
    start: float
    source: str = ""
    last: bool = False

    @property
    def duration(self) -> float:
        return len(self.samples) / 16_000

    @property
    def end(self) -> float:
        return self.start + self.duration


class Engine(Protocol):
    """Speech to text, one chunk at a time; `transcribe` may be called from many threads.

    `window` is the longest chunk in seconds; `lanes` how many chunks it works on at
    once; `hears_silence` is true for an engine that wants all of the sound rather than
    the speech in it.
    """

    info: EngineInfo
    window: float
    lanes: int
    hears_silence: bool

    def transcribe(self, chunk: Chunk, *, words: bool) -> tuple[Segment, ...]:
        """Segments on the source's clock, in order.

        With `words`, each has its words with their times. Raises EngineError.
        """
        ...

    def close(self) -> None:
        """Free the model; the engine is not used again."""
        ...
