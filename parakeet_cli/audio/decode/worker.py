"""The process that decodes: requests on stdin, blocks on stdout, until stdin ends.

It holds nothing but libav, numpy and soxr, and may die at any time: what it had sent
until then is kept. Its parent watches the time; the memory it watches itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from parakeet_cli.audio.decode.base import MediaRequest
from parakeet_cli.audio.decode.messages import Kind, packed, packed_block, plain
from parakeet_cli.audio.decode.pool import OUT_OF_MEMORY
from parakeet_cli.audio.samples import Span
from parakeet_cli.errors import InputError


def main() -> None:
    """Serve until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to deal with
    memory = int(sys.argv[1])
    # Loaded before the limit is set, so that it counts what files take.
    from parakeet_cli.audio.decode.in_process import LocalMedia, local_duration

    _limit(memory)
    # Whatever a library prints must not get between the messages.
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    with _last_words():
        for line in sys.stdin.buffer:
            asked = json.loads(line)
            if "probe" in asked:
                from pathlib import Path

                _send(output, packed(Kind.PROBED, local_duration(Path(asked["probe"]))))
            else:
                _decode(output, _request(asked), LocalMedia)


@contextlib.contextmanager
def _last_words() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the parent is gone
        pass
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _decode(output: BinaryIO, request: MediaRequest, media_type: type[Any]) -> None:
    try:
        with media_type(request) as media:
            _send(output, packed(Kind.OPENED, plain(media.source, media.accounting)))
            for block in media:
                for part in packed_block(block, media.damaged_packets):
                    _send(output, part)
            _send(output, packed(Kind.DONE, plain(media.source, media.accounting)))
    except InputError as error:
        _send(output, packed(Kind.REFUSED, {"message": str(error), "hint": error.hint}))


def _request(asked: dict[str, Any]) -> MediaRequest:
    return MediaRequest(**{**asked, "span": Span(**asked["span"])})


def _send(output: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[output.write(view) :]


def _limit(memory: int) -> None:
    """At most `memory` bytes more than now, and no core dump of a crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # not every system has /proc or can
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
