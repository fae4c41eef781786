"""Appends each utterance to a file, and waits until it is on the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.errors import SinkError, SinkUnavailable
from parakeet_cli.system.files import write_all


@dataclass(frozen=True, slots=True)
class _Written:
    """One insertion: the bytes, and their offset in the file."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class FileSink:
    """One utterance a line at the end of a file that others may write to as well.

    If the file was renamed or deleted since (by an editor that saves, or log rotation), its
    path is opened again. A text that could be written only in part is removed again.
    """

    name = "file"

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._file: FileIO | None = None
        self._written: list[_Written] = []

    @property
    def path(self) -> str:
        """The file's absolute path."""
        return str(self._path.absolute())

    def open(self) -> str:
        hint = "`--sink file:PATH` takes a file in a folder that you may write to."
        # Opening a named pipe without a reader would block forever.
        if self._path.exists() and not self._path.is_file():
            raise SinkUnavailable(f"{self._path} is not a regular file.", hint=hint)
        try:
            self._opened()
        except OSError as error:
            raise SinkUnavailable(_unwritable(self._path, error), hint=hint) from error
        return f"file, appended to {self._path}."

    def insert(self, text: str) -> None:
        data = as_lines(text).encode("utf-8", "replace")
        try:
            file = self._opened()
            start = file.seek(0, os.SEEK_END)
            try:
                write_all(file.fileno(), data)
                os.fsync(file.fileno())
            except OSError:
                _remove_part(file, start, data)
                raise
            # Others may append too, so the offset is known only now.
            self._written.append(_Written(file.tell() - len(data), data))
        except OSError as error:
            raise SinkError(_unwritable(self._path, error)) from error

    def continues(self) -> bool:
        try:
            file = self._opened()
            return not self._written or file.seek(0, os.SEEK_END) == self._written[-1].end
        except OSError:
            return False  # `insert` says why

    def undo(self, text: str) -> None:
        try:
            file = self._opened()
            if not self._written:
                raise SinkError(f"{self._path} has no text of this dictation left.")
            last = self._written[-1]
            if file.seek(0, os.SEEK_END) != last.end or _read(file, last) != last.data:
                raise SinkError(f"{self._path} was changed by another program since.")
            file.truncate(last.start)
            os.fsync(file.fileno())
        except OSError as error:
            raise SinkError(_unwritable(self._path, error)) from error
        self._written.pop()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> FileIO:
        """The open file at the path; insertions into an earlier file there are forgotten."""
        if self._file is not None and not _is_named(self._file, self._path):
            self.close()
            self._written.clear()
        if self._file is None:
            self._file = FileIO(self._path, "a+")
        return self._file


def _unwritable(path: Path, error: OSError) -> str:
    return f"{path} can't be written: {error.strerror or error}."


def _is_named(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _read(file: FileIO, written: _Written) -> bytes:
    file.seek(written.start)
    return file.read(len(written.data))


def _remove_part(file: FileIO, start: int, data: bytes) -> None:
    """Truncate the file at `start`, if only a part of `data` follows."""
    with suppress(OSError):  # the error being raised says what is wrong with the file
        file.seek(start)
        if data.startswith(file.read(len(data) + 1)):
            file.truncate(start)
