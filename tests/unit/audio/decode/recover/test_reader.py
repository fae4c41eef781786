from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.audio.decode.recover.reader import WINDOW, Reader


class CountedFile(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=20))
def test_any_part_is_that_of_the_file(parts: list[tuple[int, int]]) -> None:
    data = bytes(index % 251 for index in range(2000))
    reader = Reader(io.BytesIO(data), len(data))
    for position, length in parts:
        assert reader.read(position, length) == data[position : position + length]


def test_parts_that_are_near_each_other_are_read_at_once() -> None:
    file = CountedFile(bytes(2 * WINDOW))
    reader = Reader(file, 2 * WINDOW)
    for position in (0, 100, WINDOW - 10, 50):
        reader.read(position, 10)
    assert file.reads == 1
    reader.read(WINDOW - 5, 10)  # beyond the window
    reader.read(0, 10)  # and before it
    assert file.reads == 3


def test_a_part_larger_than_the_window_is_read_whole() -> None:
    data = bytes(2 * WINDOW) + b"end"
    assert Reader(io.BytesIO(data), len(data)).read(1, len(data)) == data[1:]


def test_a_window_holds_more_than_was_asked_for() -> None:
    data = bytes(range(100))
    window, at = Reader(io.BytesIO(data), len(data)).window(40, 10)
    assert window[at:] == data[40:]
