"""Lines kept on disk as they come, to be read again in another order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

from parakeet_cli.formats import encode


class LineStore:
    """An append-only file of lines; without a path, a temporary one.

    Results come as they are ready and are wanted in the order of the inputs: a hundred
    thousand transcripts are not kept in memory for that.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: IO[bytes] = (
            tempfile.TemporaryFile(prefix="parakeet-")  # noqa: SIM115
            if path is None
            else path.open("a+b", buffering=0)
        )
        self._end = self._file.seek(0, 2)
        if self._end:
            self._file.seek(self._end - 1)
            if self._file.read(1) != b"\n":  # a kill left half of a line
                self._write(b"\n")

    def __enter__(self) -> LineStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, line: str) -> int:
        """Keep a line, its newline included; where it begins."""
        at = self._end
        self._write(encode(line))
        return at

    def _write(self, data: bytes) -> None:
        self._file.seek(0, 2)
        self._file.write(data)
        self._end += len(data)

    def lines(self, places: Iterable[int]) -> Iterator[str]:
        """The lines that begin there, in that order."""
        for place in places:
            self._file.seek(place)
            yield self._file.readline().decode("utf-8", "replace")
