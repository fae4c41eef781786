"""The decoder process: reads requests from stdin and writes blocks to stdout until stdin ends.

It loads only libav, numpy and soxr, and may die at any time: the parent uses what was sent
until then. The parent watches the time; the process limits its own memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from parakeet_cli.audio.decode.base import MediaRequest
from parakeet_cli.audio.decode.messages import (
    OUT_OF_MEMORY,
    MessageKind,
    pack,
    pack_block,
    to_json,
)
from parakeet_cli.audio.samples import Span
from parakeet_cli.errors import InputError
from parakeet_cli.system.processes import leave_signals_to_the_parent

if TYPE_CHECKING:
    from parakeet_cli.audio.decode.decoder import RescuingMedia


def main() -> None:
    """Serve requests until stdin ends."""
    leave_signals_to_the_parent()
    memory = int(sys.argv[1])
    # Loaded before the limit is set, so that the limit counts only what files take.
    from parakeet_cli.audio.decode.decoder import (
        RescuingMedia,
        duration_in_process,
        streams_in_process,
    )

    _limit_memory(memory)
    # Keep what a library prints out of the messages.
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    _quiet_libraries()
    with _clean_exit():
        for line in sys.stdin.buffer:
            request = json.loads(line)
            if "probe" in request:
                seconds = duration_in_process(Path(request["probe"]))
                _send(output, pack(MessageKind.PROBED, seconds))
            elif "probe_streams" in request:
                streams = streams_in_process(Path(request["probe_streams"]))
                _send(output, pack(MessageKind.PROBED, [asdict(one) for one in streams]))
            else:
                _decode(output, _media_request(request), RescuingMedia)


def _quiet_libraries() -> None:
    """Drop what libraries print, however much it is; only a traceback reaches the parent."""
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


@contextlib.contextmanager
def _clean_exit() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the parent is gone
        pass
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _decode(output: BinaryIO, request: MediaRequest, media_type: type[RescuingMedia]) -> None:
    try:
        with media_type(request) as media:
            _send(output, pack(MessageKind.OPENED, to_json(media.source, media.accounting)))
            for block in media:
                for part in pack_block(block, media.damaged_packets):
                    _send(output, part)
            done = to_json(media.source, media.accounting, media.doubts)
            _send(output, pack(MessageKind.DONE, done))
    except InputError as error:
        _send(output, pack(MessageKind.REFUSED, {"message": str(error), "hint": error.hint}))


def _media_request(values: dict[str, Any]) -> MediaRequest:
    return MediaRequest(**{**values, "span": Span(**values["span"])})


def _send(output: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[output.write(view) :]


def _limit_memory(memory: int) -> None:
    """Allow `memory` bytes more than now, and no core dump of a crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # some systems lack /proc, or the right
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
