"""A decoder process that has an accident with files named for one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from parakeet_cli.audio.decode import decoder, worker
from parakeet_cli.audio.samples import Block

iterate = decoder.InProcessMedia.__iter__


def _accident(media: decoder.InProcessMedia) -> Iterator[Block]:
    name = os.path.basename(media.source.path)  # noqa: PTH119
    for number, block in enumerate(iterate(media)):
        if number == 2:
            if "segfault" in name:
                os.kill(os.getpid(), signal.SIGSEGV)
            if "endless" in name:
                time.sleep(1_000)
            if "bug" in name:
                raise KeyError("codec")
            if "flood" in name:
                flood = [bytearray(1 << 26) for _ in range(1_000)]
                flood.clear()
        yield block


def main() -> None:
    """The worker's own entry point, with accidents."""
    decoder.InProcessMedia.__iter__ = _accident  # type: ignore[method-assign]
    worker.main()
