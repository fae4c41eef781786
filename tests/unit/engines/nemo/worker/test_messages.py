from __future__ import annotations

import io
import struct
from typing import IO, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker import messages


def received(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    message = messages.receive(stream)
    return None if message is None else (message[0], bytes(message[1]))


_HEADS = st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.booleans())


@given(st.lists(st.tuples(_HEADS, st.binary()), max_size=5))
def test_messages_come_out_as_they_went_in(pairs: list[tuple[dict[str, object], bytes]]) -> None:
    stream = io.BytesIO()
    for head, samples in pairs:
        messages.send(stream, head, samples)
    stream.seek(0)
    for head, samples in pairs:
        assert received(stream) == (head, samples)
    assert messages.receive(stream) is None


def test_received_samples_are_writable() -> None:
    samples = np.linspace(-1, 1, 999, dtype=np.float32)
    stream = io.BytesIO()
    messages.send(stream, {}, samples.view(np.uint8).data)
    stream.seek(0)
    message = messages.receive(stream)
    assert message is not None
    found = np.frombuffer(message[1], np.float32)
    assert np.array_equal(found, samples)
    found[0] = 0.0  # torch warns about tensors over memory that it can't write


@given(st.binary(max_size=40))
def test_a_truncated_message_is_the_end_of_the_stream(rest: bytes) -> None:
    stream = io.BytesIO()
    messages.send(stream, {"operation": "transcribe"}, b"x" * 40)
    whole = stream.getvalue()
    assert messages.receive(io.BytesIO(whole[: len(whole) - 1 - len(rest)])) is None


@pytest.mark.parametrize(
    "data",
    [
        b"[NeMo W 2026-11-24 nemo_logging:405] a line of a library's own",
        struct.pack("<II", 4, 0) + b"null",
        struct.pack("<II", 4, 0) + b"{nop",
        struct.pack("<II", 1 << 30, 0),
        struct.pack("<II", 2, 1 << 31) + b"{}",
    ],
)
def test_data_that_is_not_a_message_is_an_error(data: bytes) -> None:
    with pytest.raises(messages.BrokenMessageError):
        messages.receive(io.BytesIO(data))


class _Narrow(io.RawIOBase):
    """A pipe that takes and gives a few bytes at a time."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, data: object) -> int:
        part = bytes(memoryview(data)[:7])  # type: ignore[arg-type]
        self.held += part
        return len(part)

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)[:5]  # type: ignore[arg-type]
        part = self.held[: len(view)]
        view[: len(part)] = part
        del self.held[: len(part)]
        return len(part)


def test_a_pipe_may_take_and_give_any_part_of_a_message() -> None:
    pipe = _Narrow()
    messages.send(pipe, {"id": 1, "text": "größer"}, bytes(range(200)))  # type: ignore[arg-type]
    assert received(pipe) == (  # type: ignore[arg-type]
        {"id": 1, "text": "größer"},
        bytes(range(200)),
    )
