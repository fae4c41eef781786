"""The decoder process: reads requests from stdin and writes blocks to stdout until stdin ends.

    python -c '...; from parakeet_cli.audio.decode.worker import main; main()' BYTES SLOTS

BYTES is the memory that a file may take, SLOTS the descriptor of the shared memory for blocks, or
-1. It loads libav, numpy and soxr, and what computes notes about the blocks. It may die at any
time: the parent uses what was sent until then. The parent watches the time; the process limits
its own memory.
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

from parakeet_cli.audio.decode.base import Annotator, MediaRequest, Notes
from parakeet_cli.audio.decode.messages import (
    NO_NOTES,
    OUT_OF_MEMORY,
    SLOT_BYTES,
    SLOT_FREE,
    SLOTS,
    MessageKind,
    pack,
    pack_block,
    pack_notes,
    to_json,
)
from parakeet_cli.audio.samples import Block, Span
from parakeet_cli.audio.shared_slots import SharedSlots
from parakeet_cli.errors import InputError, ParakeetError
from parakeet_cli.system.loading import load_named
from parakeet_cli.system.processes import leave_signals_to_the_parent

if TYPE_CHECKING:
    from parakeet_cli.audio.decode.decoder import RescuingMedia


def main() -> None:
    """Serve requests until stdin ends."""
    leave_signals_to_the_parent()
    memory, descriptor = int(sys.argv[1]), int(sys.argv[2])
    slots = None if descriptor < 0 else SharedSlots(descriptor, SLOT_BYTES, SLOTS)
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
        sender = BlockSender(output, sys.stdin.buffer, slots)
        annotators = Annotators(memory)
        for line in sys.stdin.buffer:
            if line == SLOT_FREE:
                sender.count_free()
                continue
            request = json.loads(line)
            if "load" in request:
                with contextlib.suppress(ParakeetError):  # said when a file needs it
                    annotators.make(request["load"])
            elif "probe" in request:
                seconds = duration_in_process(Path(request["probe"]))
                sender.send(pack(MessageKind.PROBED, seconds))
            elif "probe_streams" in request:
                streams = streams_in_process(Path(request["probe_streams"]))
                sender.send(pack(MessageKind.PROBED, [asdict(one) for one in streams]))
            else:
                _decode(sender, _media_request(request), RescuingMedia, annotators)


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


class BlockSender:
    """Sends messages and blocks, and waits for a free slot where there is shared memory."""

    def __init__(self, output: BinaryIO, acks: BinaryIO, slots: SharedSlots | None) -> None:
        self._output, self._acks, self._slots = output, acks, slots
        self._free = slots.count if slots else 0

    def count_free(self) -> None:
        """A slot was emptied."""
        self._free += 1

    def send(self, data: bytes | memoryview) -> None:
        _send(self._output, data)

    def send_block(self, block: Block, damaged: int, notes: Notes) -> None:
        slots = self._slots
        shared = slots is not None and slots.fits(block.samples.nbytes)
        head, samples = pack_block(block, damaged, notes, shared=shared)
        if slots is not None and shared:
            while not self._free:
                if not self._acks.readline():
                    raise BrokenPipeError  # the parent is gone
                self._free += 1
            self._free -= 1
            slots.put(samples)
            self.send(head)
        else:
            self.send(head)
            self.send(samples)


class Annotators:
    """Makes annotators; the limit of the memory doesn't count what they load."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._loaded: set[str] = set()

    def make(self, location: str) -> Annotator:
        made: Annotator = load_named(location)()
        if location not in self._loaded:
            self._loaded.add(location)
            _limit_memory(self._memory)
        return made


def _decode(
    sender: BlockSender,
    request: MediaRequest,
    media_type: type[RescuingMedia],
    annotators: Annotators,
) -> None:
    try:
        with media_type(request) as media:
            sender.send(pack(MessageKind.OPENED, to_json(media.source, media.accounting)))
            annotator = annotators.make(request.annotator) if request.annotator else None
            for block in media:
                notes = NO_NOTES if annotator is None else annotator.add(block)
                sender.send_block(block, media.damaged_packets, notes)
            if annotator is not None:
                sender.send(pack_notes(annotator.finish()))
            done = to_json(media.source, media.accounting, media.doubts)
            sender.send(pack(MessageKind.DONE, done))
    except ParakeetError as error:
        kind = MessageKind.REFUSED if isinstance(error, InputError) else MessageKind.UNUSABLE
        sender.send(pack(kind, {"message": str(error), "hint": error.hint}))


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
        _, most = resource.getrlimit(resource.RLIMIT_AS)  # it is set anew when more is loaded
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
