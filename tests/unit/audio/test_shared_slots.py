from __future__ import annotations

import os

import pytest

from parakeet_cli.audio.shared_slots import SharedSlots


def test_slots_are_filled_and_emptied_in_turn_by_two_owners() -> None:
    sender = SharedSlots.create(64, 3)
    assert sender is not None, "Linux has files in memory"
    receiver = SharedSlots(os.dup(sender.descriptor), 64, 3)
    for number in range(8):
        sender.put(memoryview(bytes([number]) * (number + 1)))
        assert receiver.take(number + 1) == bytes([number]) * (number + 1)
    receiver.close()
    receiver.close()
    sender.close()


def test_what_was_taken_stays_when_its_slot_is_filled_again() -> None:
    slots = SharedSlots.create(16, 1)
    assert slots is not None
    other = SharedSlots(os.dup(slots.descriptor), 16, 1)
    slots.put(memoryview(b"first"))
    first = other.take(5)
    slots.put(memoryview(b"other"))
    assert first == b"first"
    assert other.take(5) == b"other"
    other.close()
    slots.close()


def test_a_length_that_no_slot_has_is_refused() -> None:
    slots = SharedSlots.create(16, 1)
    assert slots is not None
    assert slots.fits(16)
    assert not slots.fits(17)
    with pytest.raises(ValueError, match="no slot has 17 bytes"):
        slots.take(17)
    slots.close()


def test_the_memory_can_not_be_shrunk_or_grown_by_the_other_process() -> None:
    """Whoever reads beyond its end then is ended by SIGBUS."""
    slots = SharedSlots.create(1 << 16, 2)
    assert slots is not None
    for size in (0, 1 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(slots.descriptor, size)
    slots.put(memoryview(b"still there"))
    slots.close()
