from __future__ import annotations

import os

import numpy as np
import pytest

from parakeet_cli.audio.decode.messages import (
    HEADER,
    SLOT_BYTES,
    Message,
    MessageKind,
    from_json,
    pack,
    pack_block,
    pack_notes,
    to_json,
)
from parakeet_cli.audio.samples import Block
from parakeet_cli.audio.shared_slots import SharedSlots
from parakeet_cli.transcript import Accounting, Doubt, LostInterval, Source


def received(data: bytes) -> Message:
    """The message as the other end of the pipe takes it apart."""
    kind, length = HEADER.unpack_from(data)
    payload = bytearray(data[HEADER.size :])
    assert len(payload) == length
    return Message(MessageKind(kind), payload)


def test_a_value_arrives_as_it_was_sent() -> None:
    value = {"message": "caf\udce9 is empty.", "hint": None, "seconds": 1.5}
    message = received(pack(MessageKind.REFUSED, value))
    assert (message.kind, message.json) == (MessageKind.REFUSED, value)


@pytest.mark.parametrize("step", [1, 2])
def test_a_block_arrives_with_its_start_and_the_damage_so_far(step: int) -> None:
    samples = np.linspace(-1, 1, 101, dtype=np.float32)[::step]  # every second one has gaps
    head, body = pack_block(Block(samples, 12.25), 3)
    message = received(head + bytes(body))
    assert message.kind is MessageKind.BLOCK
    block, damaged, notes = message.block()
    assert (block.start, damaged, len(notes)) == (12.25, 3, 0)
    np.testing.assert_array_equal(block.samples, samples)


def test_a_block_arrives_through_shared_memory_with_what_was_noted_about_it() -> None:
    slots = SharedSlots.create(SLOT_BYTES, 2)
    assert slots is not None, "Linux has files in memory"
    theirs = SharedSlots(os.dup(slots.descriptor), SLOT_BYTES, 2)
    for number in range(5):  # more than there are slots
        samples = np.full(100 + number, number / 8, np.float32)
        notes = np.full(number, 0.5, np.float32)
        head, body = pack_block(Block(samples, 1.0), 0, notes, MessageKind.SHARED)
        theirs.put(body)
        block, _, noted = received(head).block(slots)
        np.testing.assert_array_equal(block.samples, samples)
        np.testing.assert_array_equal(noted, notes)
    np.testing.assert_array_equal(received(pack_notes(notes)).notes, notes)
    theirs.close()
    slots.close()


def test_an_empty_block_arrives() -> None:
    head, body = pack_block(Block(np.zeros(0, np.float32), 1.0), 0)
    assert len(received(head + bytes(body)).block().block.samples) == 0


def test_a_source_and_its_accounting_arrive_as_they_were_sent() -> None:
    source = Source("a.wav", 4.0, 44_100, 2)
    lost = (LostInterval(1.0, 2.0, "3 damaged packets"), LostInterval(3.0, 4.0, "it ends early"))
    accounting = Accounting(4.0, "exact", 2.0, lost, 3)
    message = received(pack(MessageKind.DONE, to_json(source, accounting)))
    assert from_json(message.json) == (source, accounting, ())


def test_doubts_arrive_as_they_were_sent() -> None:
    doubts = (Doubt("channels", 0.0, 4.0, "its channels cancel"),)
    sent = to_json(Source("a.wav"), Accounting(), doubts)
    assert from_json(received(pack(MessageKind.DONE, sent)).json)[2] == doubts
