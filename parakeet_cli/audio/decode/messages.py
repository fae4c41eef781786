"""Messages between this process and its decoders, over a pipe.

Each is a kind (one byte), a length (four) and so many bytes: JSON, or for a block its
start (a double), the damaged packets so far (four bytes) and the samples as they are.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from parakeet_cli.audio.samples import Block
from parakeet_cli.transcript import Accounting, Lost, Source

HEADER = struct.Struct("<cI")
BLOCK = struct.Struct("<dI")


class Kind(Enum):
    """What a message is."""

    OPENED = b"O"  # the source, and the accounting that its header promises
    BLOCK = b"B"
    DONE = b"D"  # the source and the accounting as they turned out
    REFUSED = b"R"  # an InputError's sentence and hint
    PROBED = b"P"  # a duration


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came."""

    kind: Kind
    payload: bytearray

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def block(self) -> tuple[Block, int]:
        """The block, its samples not copied, and how many packets were damaged so far."""
        start, damaged = BLOCK.unpack_from(self.payload)
        samples = np.frombuffer(self.payload, np.float32, offset=BLOCK.size)
        return Block(samples, start), damaged


def packed(kind: Kind, value: object) -> bytes:
    """A message of JSON."""
    payload = json.dumps(value).encode()
    return HEADER.pack(kind.value, len(payload)) + payload


def packed_block(block: Block, damaged: int) -> tuple[bytes, memoryview]:
    """A message of a block in two parts, so that the samples are not copied."""
    samples = np.ascontiguousarray(block.samples, np.float32)
    head = HEADER.pack(Kind.BLOCK.value, BLOCK.size + samples.nbytes)
    return head + BLOCK.pack(block.start, damaged), samples.view(np.uint8).data


def plain(source: Source, accounting: Accounting) -> dict[str, Any]:
    """What `found` reads back."""
    return {"source": dataclasses.asdict(source), "accounting": dataclasses.asdict(accounting)}


def found(value: dict[str, Any]) -> tuple[Source, Accounting]:
    """A source and its accounting from JSON."""
    accounting = dict(value["accounting"])
    accounting["lost"] = tuple(Lost(**one) for one in accounting["lost"])
    return Source(**value["source"]), Accounting(**accounting)
