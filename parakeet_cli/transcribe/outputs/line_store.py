"""Stores lines on disk as they come, and reads them back in another order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from parakeet_cli.formats import encode
from parakeet_cli.system.json_lines import ends_whole
from parakeet_cli.system.regular_files import MOST, NO_LINK, open_regular

_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_LINK


class LineStore:
    """An append-only file of lines; a temporary file if no path is given.

    Results come in the order they are ready, and a manifest lists them in the order of the
    inputs. This way a hundred thousand of them needn't stay in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: IO[bytes] = (
            tempfile.TemporaryFile(prefix="parakeet-")  # noqa: SIM115
            if path is None
            else open(open_regular(path, _APPEND), "a+b", buffering=0)  # noqa: SIM115
        )
        self._end = self._file.seek(0, 2)
        if not ends_whole(self._file.fileno()):  # a killed process tore the last line
            self._write(b"\n")

    def __enter__(self) -> LineStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, line: str) -> int:
        """Store a line, its newline included, and return its offset in bytes."""
        offset = self._end
        self._write(encode(line))
        return offset

    def _write(self, data: bytes) -> None:
        self._file.seek(0, 2)
        self._file.write(data)
        self._end += len(data)

    def lines(self, offsets: Iterable[int]) -> Iterator[str]:
        """The lines at those offsets, in that order."""
        for offset in offsets:
            self._file.seek(offset)
            yield self._file.readline(MOST).decode("utf-8", "replace")

    def has_line(self, offset: int) -> bool:
        """Whether a line begins at that offset."""
        if not 0 <= offset < self._end:
            return False
        if offset:
            self._file.seek(offset - 1)
        return offset == 0 or self._file.read(1) == b"\n"
