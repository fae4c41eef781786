"""Writes what a microphone records to the disk before anything else is done with it.

Each dictation has a folder that only its owner can enter: `lock`, which is held while the
dictation runs, `journal.jsonl`, and the sound in parts of a minute, WAV files named after
their first sample. The header is updated after each write, so that a part is whole whenever
the process ends. A part is deleted when all text in it was delivered, the folder when
nothing is left to deliver.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE, Pcm, to_float
from parakeet_cli.system.locks import LockHeld, lock, lock_file
from parakeet_cli.system.regular_files import check_private_folder, open_regular
from parakeet_cli.system.safety.private_folders import private_folder

PART_SAMPLES = 60 * SAMPLE_RATE
_HEADER = 44  # bytes of a plain WAV header
_BYTES = 2  # a sample


def recordings_folder() -> Path:
    """Where the recordings and the history are."""
    from platformdirs import user_state_path

    return user_state_path("parakeet") / "dictation"


@dataclass(slots=True)
class _WavFile:
    """A minute of sound: in a file, or in memory if the disk is full."""

    first: int
    path: Path
    length: int = 0  # samples
    file: int | None = None
    in_memory: list[Pcm] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.first + self.length

    @property
    def is_closed(self) -> bool:
        return self.file is None and not self.in_memory


class Recording:
    """The folder of one dictation. One thread appends, others read and delete."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock_file = lock
        self._parts: list[_WavFile] = []
        self._end = 0
        self._lock = RLock()
        self.write_error: OSError | None = None  # why the sound is kept in memory

    @classmethod
    def create(cls, root: Path) -> Recording:
        """Make a new one below `root`. Raises OSError."""
        private_folder(root, own=2)
        name = time.strftime("%Y%m%d-%H%M%S") + f"-{os.getpid()}"
        for number in range(1000):
            folder = root / (name if not number else f"{name}-{number}")
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return cls(folder, _lock(folder))
        raise FileExistsError(f"{root} holds too many recordings")

    @classmethod
    def reopen(cls, folder: Path) -> Recording | None:
        """One that an earlier process left behind; None if a process still has it locked.

        Raises OSError for one that another user can have planted: it is typed where this user
        types. Nothing in it is changed then.
        """
        check_private_folder(folder)
        held = open_regular(folder / "lock", os.O_RDWR, private=True)
        try:
            lock(held)
            parts = _find_parts(folder)
        except LockHeld:
            os.close(held)
            return None
        except BaseException:
            os.close(held)
            raise
        recording = cls(folder, held)
        recording._parts = parts
        recording._end = max((part.end for part in parts), default=0)
        return recording

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def end(self) -> int:
        """How many samples were recorded, including those that were deleted since."""
        return self._end

    def append(self, pcm: Pcm) -> int:
        """Write 16 kHz mono int16, shape (n,), and return its first sample's number.

        If the disk is full the sound is kept in memory instead, and `write_error` says why.
        """
        with self._lock:
            first = self._end
            part = self._parts[-1] if self._parts else None
            if part is None or part.length >= PART_SAMPLES or part.is_closed:
                part = self._new_part()
            if part.file is not None:
                try:
                    _write(part, pcm)
                except OSError as error:
                    self.write_error = error
                    os.close(part.file)
                    part.file = None
                    part = _WavFile(self._end, self.folder / "memory")
                    self._parts.append(part)
            if part.file is None:
                part.in_memory.append(pcm)
            part.length += len(pcm)
            self._end += len(pcm)
            return first

    def _new_part(self) -> _WavFile:
        self._close_file()
        part = _WavFile(self._end, self.folder / f"{self._end:015}.wav")
        try:
            part.file = os.open(part.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(part.file, _header(0))
            self.write_error = None
        except OSError as error:
            self.write_error = error
        self._parts.append(part)
        return part

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Samples `first` to `last` as mono float32, shape (n,); fewer if some were deleted."""
        with self._lock:
            found = [
                _read(part, max(first, part.first) - part.first, min(last, part.end) - part.first)
                for part in self._parts
                if part.first < last and part.end > first
            ]
        return to_float(np.concatenate(found)) if found else np.zeros(0, np.float32)

    def intervals(self) -> list[tuple[int, int]]:
        """The samples that it has, as intervals with gaps where parts are missing."""
        with self._lock:
            found: list[tuple[int, int]] = []
            for part in sorted(self._parts, key=lambda one: one.first):
                if found and part.first <= found[-1][1]:
                    found[-1] = (found[-1][0], max(found[-1][1], part.end))
                else:
                    found.append((part.first, part.end))
            return found

    def delete_before(self, sample: int) -> None:
        """Delete the parts that end at that sample or earlier."""
        with self._lock:
            while self._parts and self._parts[0].end <= sample and self._parts[0].end < self._end:
                part = self._parts.pop(0)
                if part.file is not None:
                    os.close(part.file)
                part.path.unlink(missing_ok=True)

    def close(self, *, delete: bool) -> None:
        """Release the lock; with `delete`, remove the folder, all of whose text was delivered."""
        with self._lock:
            self._close_file()
            if delete:
                shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock_file)

    def _close_file(self) -> None:
        for part in self._parts:
            if part.file is not None:
                os.close(part.file)
                part.file = None


def recording_folders(root: Path) -> Iterator[Path]:
    """The folders of all recordings below `root`, oldest first; some may be in use."""
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if _is_there(path / "lock"))


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True


def _find_parts(folder: Path) -> list[_WavFile]:
    """The minutes of sound in a folder, in order. Raises OSError as `Recording.reopen` does."""
    parts = []
    for path in sorted(folder.glob("*.wav")):
        if path.stem.isdecimal():
            with open(open_regular(path, private=True), "rb") as file:
                size = os.fstat(file.fileno()).st_size
            parts.append(_WavFile(int(path.stem), path, max(0, size - _HEADER) // _BYTES))
    return parts


def _lock(folder: Path) -> int:
    """A descriptor that holds the folder's lock. Raises LockHeld, OSError."""
    return lock_file(folder / "lock", mode=0o600)


def _header(samples: int) -> bytes:
    """The header of a WAV file: http://soundfile.sapp.org/doc/WaveFormat/."""
    size = samples * _BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1),
        *(SAMPLE_RATE, SAMPLE_RATE * _BYTES, _BYTES, 8 * _BYTES, b"data", size),
    )


def _write(part: _WavFile, pcm: Pcm) -> None:
    assert part.file is not None
    at = _HEADER + part.length * _BYTES
    view = memoryview(pcm.astype("<i2").tobytes())
    while view:
        written = os.pwrite(part.file, view, at)
        view, at = view[written:], at + written
    os.pwrite(part.file, _header(part.length + len(pcm)), 0)


def _read(part: _WavFile, first: int, last: int) -> Pcm:
    if part.in_memory:
        return np.concatenate(part.in_memory)[first:last]
    with open(open_regular(part.path, private=True), "rb") as file:
        file.seek(_HEADER + first * _BYTES)
        data = file.read((last - first) * _BYTES)
    return np.frombuffer(data[: len(data) // _BYTES * _BYTES], "<i2").astype(np.int16)
