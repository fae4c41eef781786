"""The decoder process: reads requests from stdin and writes blocks to stdout until stdin ends.

    python -c '...; from parakeet_cli.audio.decode.worker import main; main()' BYTES SLOTS INBOX

BYTES is the memory that a file may take; SLOTS and INBOX are the descriptors of the shared memory
for blocks and for a helper's samples, or -1. It loads libav, numpy and soxr, and what makes notes
about the blocks. It may die at any time: the parent uses what was sent until then. The parent
watches the time; the process limits its own memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from parakeet_cli.audio.decode.base import Annotator, Helper, MediaRequest, Notes
from parakeet_cli.audio.decode.messages import (
    INBOX_BYTES,
    INBOX_SLOTS,
    NO_NOTES,
    OUT_OF_MEMORY,
    SLOT_BYTES,
    SLOT_FREE,
    SLOT_FREE_BARE,
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
    memory, blocks, requests = map(int, sys.argv[1:4])
    slots = None if blocks < 0 else SharedSlots(blocks, SLOT_BYTES, SLOTS)
    inbox = None if requests < 0 else SharedSlots(requests, INBOX_BYTES, INBOX_SLOTS)
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
        makers = Makers(memory, inbox)
        for line in sys.stdin.buffer:
            if line in (SLOT_FREE, SLOT_FREE_BARE):
                sender.take_free(line)
                continue
            request = json.loads(line)
            try:
                if "load" in request:
                    with contextlib.suppress(ParakeetError):  # said when a file needs it
                        makers.annotator(request["load"])
                elif "help" in request:
                    sender.send(pack_notes(makers.help(request)))
                elif "probe" in request:
                    seconds = duration_in_process(Path(request["probe"]))
                    sender.send(pack(MessageKind.PROBED, seconds))
                elif "probe_streams" in request:
                    streams = streams_in_process(Path(request["probe_streams"]))
                    sender.send(pack(MessageKind.PROBED, [asdict(one) for one in streams]))
                else:
                    _decode(sender, _media_request(request), RescuingMedia, makers)
            except ParakeetError as error:
                refused = isinstance(error, InputError)
                kind = MessageKind.REFUSED if refused else MessageKind.UNUSABLE
                sender.send(pack(kind, {"message": str(error), "hint": error.hint}))


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
        # For each slot that is free: what was said when it was emptied.
        self._free = deque([SLOT_FREE] * (slots.count if slots else 0))

    def take_free(self, line: bytes) -> None:
        """A slot was emptied."""
        self._free.append(line)

    def begin(self) -> None:
        """Another file begins: what was said for the last one's blocks doesn't count."""
        self._free = deque([SLOT_FREE] * len(self._free))

    def send(self, data: bytes | memoryview) -> None:
        _send(self._output, data)

    def send_block(self, block: Block, damaged: int, annotator: Annotator | None) -> None:
        """Send a block with its notes, unless the parent wants to have them made elsewhere."""
        slots = self._slots
        if slots is None or not slots.fits(block.samples.nbytes):
            notes = NO_NOTES if annotator is None else annotator.add(block)
            for part in pack_block(block, damaged, notes):
                self.send(part)
            return
        line = self._free.popleft() if self._free else self._acks.readline()
        if not line:
            raise BrokenPipeError  # the parent is gone
        kind, notes = MessageKind.SHARED, NO_NOTES
        if annotator is not None and line == SLOT_FREE_BARE:
            kind = MessageKind.BARE
            annotator.skip(block)
        elif annotator is not None:
            notes = annotator.add(block)
        head, samples = pack_block(block, damaged, notes, kind)
        slots.put(samples)
        self.send(head)


class Makers:
    """Makes annotators and helpers; the limit of the memory doesn't count what they load."""

    def __init__(self, memory: int, inbox: SharedSlots | None) -> None:
        self._memory, self._inbox = memory, inbox
        self._helpers: dict[str, Helper] = {}
        self._loaded: set[str] = set()

    def annotator(self, location: str) -> Annotator:
        made: Annotator = self._make(location)
        return made

    def help(self, request: dict[str, Any]) -> Notes:
        """The notes that a request asks for. Its samples are in the inbox."""
        assert self._inbox is not None, "the parent has put the samples there"
        samples = np.frombuffer(self._inbox.take(request["bytes"]), np.float32)
        location = request["help"]
        if location not in self._helpers:
            self._helpers[location] = self._make(location)
        return self._helpers[location](samples, **request["values"])

    def _make(self, location: str) -> Any:
        made = load_named(location)()
        if location not in self._loaded:
            self._loaded.add(location)
            _limit_memory(self._memory)
        return made


def _decode(
    sender: BlockSender, request: MediaRequest, media_type: type[RescuingMedia], makers: Makers
) -> None:
    with media_type(request) as media:
        sender.begin()
        sender.send(pack(MessageKind.OPENED, to_json(media.source, media.accounting)))
        annotator = makers.annotator(request.annotator) if request.annotator else None
        for block in media:
            sender.send_block(block, media.damaged_packets, annotator)
        notes = b"" if annotator is None else pack_notes(annotator.finish())
        done = to_json(media.source, media.accounting, media.doubts)
        # At once: each of them wakes the reader, which is much of what a short clip costs.
        sender.send(notes + pack(MessageKind.DONE, done))


def _media_request(values: dict[str, Any]) -> MediaRequest:
    return MediaRequest(**{**values, "span": Span(**values["span"])})


def _send(output: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[output.write(view) :]


def _limit_memory(memory: int) -> None:
    """Allow `memory` bytes more than now, and no core dump of a crash; on Windows, anything."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # some systems lack /proc, or the right
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + memory
        _, most = resource.getrlimit(resource.RLIMIT_AS)  # it is set again when more is loaded
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
