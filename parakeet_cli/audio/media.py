"""A media file to blocks of 16 kHz mono float32, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting, Source

SAMPLE_RATE = 16_000  # what every engine and the VAD are trained on
BLOCK_SECONDS = 10.0  # of the source; bounds memory, and is long enough to be cheap

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """Mono float32 samples in [-1, 1] at 16 kHz, shape (n,), from `start` seconds on.

    Blocks follow each other without a gap unless something was lost between them:
    then the next block's `start` says where on the source's clock it belongs.
    """

    samples: Samples
    start: float

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


@dataclass(slots=True)
class Media:
    """An open media file: iterate over it once for its blocks, then ask `accounting`."""

    source: Source
    accounting: Accounting = field(default_factory=Accounting)

    def __enter__(self) -> Media: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[Block]: ...
