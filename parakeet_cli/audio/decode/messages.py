"""Packs and unpacks the messages that a decoder process sends through its pipe.

Each has a kind (one byte), a length (four) and that many bytes: JSON, or for a block its
start (a double), the damaged packets so far (four bytes) and the raw samples.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from parakeet_cli.audio.samples import Block
from parakeet_cli.transcript import Accounting, Doubt, LostInterval, Source, StreamInfo

HEADER = struct.Struct("<cI")
BLOCK = struct.Struct("<dI")
OUT_OF_MEMORY = 77  # exit code of a decoder process


class MessageKind(Enum):
    """The kinds of message, by their first byte."""

    OPENED = b"O"  # the source and the accounting that its header declares
    BLOCK = b"B"
    DONE = b"D"  # the final source and accounting, and the doubts
    REFUSED = b"R"  # an InputError's message and hint
    PROBED = b"P"  # a duration


@dataclass(frozen=True, slots=True)
class Message:
    """One received message."""

    kind: MessageKind
    payload: bytearray

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def block(self) -> tuple[Block, int]:
        """The block, without copying its samples, and the number of damaged packets so far."""
        start, damaged = BLOCK.unpack_from(self.payload)
        samples = np.frombuffer(self.payload, np.float32, offset=BLOCK.size)
        return Block(samples, start), damaged


def pack(kind: MessageKind, value: object) -> bytes:
    """Pack a message with JSON."""
    payload = json.dumps(value).encode()
    return HEADER.pack(kind.value, len(payload)) + payload


def pack_block(block: Block, damaged: int) -> tuple[bytes, memoryview]:
    """Pack a message with a block, in two parts so that the samples aren't copied."""
    samples = np.ascontiguousarray(block.samples, np.float32)
    head = HEADER.pack(MessageKind.BLOCK.value, BLOCK.size + samples.nbytes)
    return head + BLOCK.pack(block.start, damaged), samples.view(np.uint8).data


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
