"""Reads a file's bytes by position, with a window of them in memory."""

from __future__ import annotations

from typing import BinaryIO

WINDOW = 1 << 20  # bytes in memory at a time


class Reader:
    """Random access to a file of `size` bytes; nearby reads share one window of some bytes."""

    def __init__(self, file: BinaryIO, size: int, window: int = WINDOW) -> None:
        self.size = size
        self.file = file
        self._window = window
        self._base = 0
        self._data = b""

    def window(self, position: int, length: int) -> tuple[bytes, int]:
        """Bytes in memory, and the index in them of `position`.

        At least `length` bytes follow that index; fewer only at the end of the file.
        """
        if position >= self.size:  # it may be beyond what a file can have
            return b"", 0
        at = position - self._base
        if at < 0 or at + length > len(self._data):
            self.file.seek(position)
            self._base, at = position, 0
            self._data = self.file.read(max(self._window, length))
        return self._data, at

    def read(self, position: int, length: int) -> bytes:
        data, at = self.window(position, length)
        return data[at : at + length]

    def find(self, wanted: bytes, position: int) -> int | None:
        """The first place of `wanted` from `position` on, if there is one."""
        while position < self.size:
            data, at = self.window(position, len(wanted))
            found = data.find(wanted, at)
            if found >= 0:
                return position + found - at
            position += max(1, len(data) - at - len(wanted) + 1)
        return None
