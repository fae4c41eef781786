"""Append-only files of JSON objects, one a line, that outlive kill -9 and a power cut.

One policy for all of them: a row is one `write`, so that a killed process or a full disk
leaves either all of it or a torn last line. The next row to be appended ends that line first,
and readers skip every line that isn't a JSON object, or is longer than any that is written.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from parakeet_cli.system.regular_files import NO_LINK, open_regular

Row = dict[str, Any]
LONGEST = 64 << 20  # bytes of a line; a transcript of ten hours with its words has 20 MB
_BLOCK = 1 << 16  # bytes parsed at once: what fits the processor's cache is read fastest


def encode(row: Mapping[str, Any], *, readable: bool = False) -> bytes:
    r"""One line. In ASCII, half of a character in an undecodable file name becomes `\udcXX`.

    With `readable` it is UTF-8 with spaces, for files that people read and search.
    """
    separators = None if readable else (",", ":")
    return json.dumps(row, ensure_ascii=not readable, separators=separators).encode() + b"\n"


class Appender:
    """A file of rows that is being written. For one thread at a time."""

    def __init__(
        self,
        path: Path,
        *,
        mode: int = 0o666,
        readable: bool = False,
        folder: int | None = None,
        private: bool = False,
        links: bool = True,
    ) -> None:
        """Create the file if need be, with `mode` less the umask. Raises OSError.

        With the descriptor of a `folder` the path is relative to that, and no link is followed,
        as without `links`. With `private`, a file that another user can have written is refused.
        """
        self._readable = readable
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | (0 if links else NO_LINK)
        self._descriptor = open_regular(path, flags, mode, folder=folder, private=private)
        self._torn = not ends_whole(self._descriptor)

    @property
    def status(self) -> os.stat_result:
        """Whose file it is, and who else may write to it."""
        return os.fstat(self._descriptor)

    def append(self, row: Mapping[str, Any], *, sync: bool = False) -> None:
        """Write a row, and wait until it is on the disk if `sync`.

        Raises OSError, with ENOSPC or EFBIG where only a part of the row could be written.
        """
        data = (b"\n" if self._torn else b"") + encode(row, readable=self._readable)
        self._torn = os.write(self._descriptor, data) < len(data)
        if self._torn:
            reason = errno.EFBIG if _at_size_limit(self._descriptor) else errno.ENOSPC
            raise OSError(reason, os.strerror(reason))
        if sync:
            self.sync()

    def sync(self) -> None:
        """Wait until every row is on the disk. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def _at_size_limit(descriptor: int) -> bool:
    """Whether the file is as large as the process may make one (`ulimit -f`)."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return False
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return limit != resource.RLIM_INFINITY and os.fstat(descriptor).st_size >= limit


def append(
    path: Path,
    row: Mapping[str, Any],
    *,
    sync: bool = False,
    mode: int = 0o666,
    readable: bool = False,
    folder: int | None = None,
) -> None:
    """Write one row to a file that isn't open. Raises OSError."""
    appender = Appender(path, mode=mode, readable=readable, folder=folder)
    try:
        appender.append(row, sync=sync)
    finally:
        appender.close()


def read(
    path: Path, *, private: bool = False, on_unreadable: Callable[[], object] = lambda: None
) -> Iterator[Row]:
    """Each whole row, oldest first; none where there is no file.

    `on_unreadable` is called for each line that isn't a row, too long ones left out. Raises
    OSError, also for a file that another user can have written if it must be `private`.
    """
    try:
        descriptor = open_regular(path, private=private)
    except FileNotFoundError:
        return
    with open(descriptor, "rb") as file:
        yield from _rows(file, on_unreadable)


def _rows(file: IO[bytes], on_unreadable: Callable[[], object]) -> Iterator[Row]:
    for lines in _blocks(file):
        try:
            block = json.loads(b"[%s]" % b",".join(lines))  # twice as fast as line by line
        except (ValueError, RecursionError):
            block = [_whole(line) for line in lines if line.strip()]
        for row in block:
            if isinstance(row, dict):
                yield row
            else:
                on_unreadable()


def _blocks(file: IO[bytes]) -> Iterator[list[bytes]]:
    """Lines without their ends, some at once; those of more than `LONGEST` bytes are left out."""
    begun = bytearray()  # the line that the last block ended in
    too_long = False
    while block := file.read(_BLOCK):
        whole, newline, rest = block.rpartition(b"\n")
        if newline:
            lines = whole.split(b"\n")
            if too_long:
                del lines[0]
            else:
                lines[0] = bytes(begun) + lines[0]
            yield lines
            begun, too_long = bytearray(rest), False
        elif not too_long:
            begun += rest
        if len(begun) > LONGEST:
            begun, too_long = bytearray(), True
    if begun:
        yield [bytes(begun)]


def _whole(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None  # torn by a kill or a full disk, or nested as no row is


def ends_whole(descriptor: int) -> bool:
    """Whether the open file is empty or its last line is ended. Raises OSError."""
    if not os.lseek(descriptor, 0, os.SEEK_END):
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"
