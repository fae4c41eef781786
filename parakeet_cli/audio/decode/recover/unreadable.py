"""Finds the bytes of a file that its disk can't read, and reads zeros in their place.

The rest of the file is decoded as if those bytes had been overwritten (`decoder`).
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path

Ranges = tuple[tuple[int, int], ...]  # bytes of a file, from and up to

# Of a disk's sectors, a checksum that is wrong, and a file system that is.
DISK_ERRORS = frozenset(
    getattr(errno, name, errno.EIO) for name in ("EIO", "ENODATA", "EBADMSG", "EUCLEAN")
)
BLOCK = 4096  # bytes that are read or not read together
WINDOW = 1 << 20  # bytes read at a time, and skipped at most


def find_unreadable(path: Path) -> Ranges:
    """All of them, in order. Raises OSError for other errors than a disk's."""
    found: list[tuple[int, int]] = []
    with path.open("rb", buffering=0) as file:
        size, at = file.seek(0, os.SEEK_END), 0
        while at < size:
            count = _read(file, at, WINDOW)
            if count is None:
                end = _end_of_damage(file, at, size)
                found.append((at, end))
                at = end
            elif count:
                at += count
            else:
                break
    return tuple(found)


def is_readable(path: Path, start: int, end: int) -> bool:
    """Whether these bytes can be read, as far as the file has them."""
    with path.open("rb", buffering=0) as file:
        while start < end:
            count = _read(file, start, end - start)
            if count is None:
                return False
            if not count:
                break
            start += count
    return True


def _end_of_damage(file: io.FileIO, start: int, size: int) -> int:
    """The first block behind `start` that can be read. Each try may take seconds, so few are made:
    ever larger steps lead beyond the damage, and halving the last one leads back to its end.
    """
    step, bad = BLOCK, start
    at = start - start % BLOCK + step
    while at < size and _read(file, at, BLOCK) is None:
        bad, step = at, min(2 * step, WINDOW)
        at += step
    good = min(at, size)
    while good - bad > BLOCK:
        middle = bad + (good - bad) // 2 // BLOCK * BLOCK
        if middle <= bad:
            break
        if _read(file, middle, BLOCK) is None:
            bad = middle
        else:
            good = middle
    return good


def _read(file: io.FileIO, position: int, count: int) -> int | None:
    """How many bytes can be read; None if the disk fails."""
    try:
        file.seek(position)
        return len(file.read(count))
    except OSError as error:
        if error.errno in DISK_ERRORS:
            return None
        raise


class ZeroFilledFile(io.RawIOBase):
    """A file in which bytes that can't be read are zeros."""

    def __init__(self, path: Path, unreadable: Sequence[tuple[int, int]]) -> None:
        self._file = path.open("rb", buffering=0)  # nothing beyond what is asked for is read
        self._unreadable = unreadable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        at = self._file.tell()
        length = os.fstat(self._file.fileno()).st_size
        stop = length if size is None or size < 0 else min(length, at + size)
        data = bytearray()
        while at < stop:
            start, end = next(
                ((max(at, first), last) for first, last in self._unreadable if last > at),
                (stop, stop),
            )
            if start > at:
                self._file.seek(at)
                part = self._file.read(min(start, stop) - at)
                if not part:
                    break
                data += part
                at += len(part)
            else:
                data += bytes(min(end, stop) - at)
                at = min(end, stop)
        self._file.seek(at)
        return bytes(data)

    def close(self) -> None:
        self._file.close()
        super().close()
