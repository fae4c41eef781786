"""Packs and unpacks the messages that a decoder process sends through its pipe.

Each has a kind (one byte), a length (four) and that many bytes: JSON, or for a block its
start (a double), the damaged packets so far, the number of its samples and of its notes (four bytes
each), the raw notes, and the raw samples unless those are in shared memory.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from parakeet_cli.audio.decode.base import Notes
from parakeet_cli.audio.samples import Block
from parakeet_cli.audio.shared_slots import SharedSlots
from parakeet_cli.transcript import Accounting, Doubt, LostInterval, Source, StreamInfo

HEADER = struct.Struct("<cI")
BLOCK = struct.Struct("<dIII")
OUT_OF_MEMORY = 77  # exit code of a decoder process
NO_NOTES: Notes = np.zeros(0, np.float32)
SLOTS = 4  # blocks that a decoder may be ahead
SLOT_BYTES = 3 << 18  # a block of ten seconds, and the second by which it may be longer
# Sent to a decoder for each shared block that was taken. One more may be sent, with its notes or
# without.
SLOT_FREE = b"\n"
SLOT_FREE_BARE = b"-\n"
INBOX_SLOTS = 2  # requests for notes that a helper may have at once
INBOX_BYTES = SLOT_BYTES + (1 << 17)  # a block with the second before it


class MessageKind(Enum):
    """The kinds of message, by their first byte."""

    OPENED = b"O"  # the source and the accounting that its header declares
    BLOCK = b"B"
    SHARED = b"S"  # a block whose samples are in the next slot of shared memory
    BARE = b"-"  # the same, but its notes are to be made elsewhere
    NOTES = b"N"  # alone: those that are known at the end, or an answer to a helper's request
    DONE = b"D"  # the final source and accounting, and the doubts
    REFUSED = b"R"  # an InputError's message and hint
    UNUSABLE = b"U"  # the message and hint of an error that isn't the file's
    PROBED = b"P"  # a duration


@dataclass(frozen=True, slots=True)
class Message:
    """One received message."""

    kind: MessageKind
    payload: bytearray

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    def block(self, slots: SharedSlots | None = None) -> BlockMessage:
        """The block, taken from its slot of shared memory if it is in one."""
        start, damaged, length, noted = BLOCK.unpack_from(self.payload)
        notes = np.frombuffer(self.payload, np.float32, noted, BLOCK.size)
        if self.kind is not MessageKind.BLOCK and slots is not None:
            samples = np.frombuffer(slots.take(length * notes.itemsize), np.float32)
        else:
            samples = np.frombuffer(self.payload, np.float32, length, BLOCK.size + notes.nbytes)
        return BlockMessage(Block(samples, start), damaged, notes)

    @property
    def notes(self) -> Notes:
        """The notes of a message that has nothing else."""
        return np.frombuffer(self.payload, np.float32)


class BlockMessage(NamedTuple):
    """A block, the number of damaged packets so far, and what was noted about it."""

    block: Block
    damaged: int
    notes: Notes


def pack(kind: MessageKind, value: object) -> bytes:
    """Pack a message with JSON."""
    return _pack(kind, json.dumps(value).encode())


def pack_notes(notes: Notes) -> bytes:
    """Pack a message with notes alone."""
    return _pack(MessageKind.NOTES, notes.astype(np.float32).tobytes())


def _pack(kind: MessageKind, payload: bytes) -> bytes:
    return HEADER.pack(kind.value, len(payload)) + payload


def pack_block(
    block: Block,
    damaged: int,
    notes: Notes = NO_NOTES,
    kind: MessageKind = MessageKind.BLOCK,
) -> tuple[bytes, memoryview]:
    """Pack a message with a block, in two parts so that the samples aren't copied.

    The second part are the samples, which are sent after the first unless the `kind` is one whose
    samples are in shared memory.
    """
    samples = np.ascontiguousarray(block.samples, np.float32)
    head = BLOCK.pack(block.start, damaged, len(samples), len(notes)) + notes.tobytes()
    length = len(head) + (samples.nbytes if kind is MessageKind.BLOCK else 0)
    return HEADER.pack(kind.value, length) + head, samples.view(np.uint8).data


def to_json(source: Source, accounting: Accounting, doubts: Iterable[Doubt] = ()) -> dict[str, Any]:
    """A source, its accounting and doubts as JSON values; `from_json` reads them back."""
    return {
        "source": dataclasses.asdict(source),
        "accounting": dataclasses.asdict(accounting),
        "doubts": [dataclasses.asdict(doubt) for doubt in doubts],
    }


def from_json(value: dict[str, Any]) -> tuple[Source, Accounting, tuple[Doubt, ...]]:
    """A source, its accounting and doubts from JSON values."""
    accounting = dict(value["accounting"])
    accounting["lost"] = tuple(LostInterval(**one) for one in accounting["lost"])
    doubts = tuple(Doubt(**one) for one in value["doubts"])
    streams = tuple(StreamInfo(**one) for one in value["source"]["streams"])
    source = Source(**{**value["source"], "streams": streams})
    return source, Accounting(**accounting), doubts
