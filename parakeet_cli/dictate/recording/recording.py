"""What a microphone hears, on the disk before anything else is done with it.

A folder a dictation, for its owner only: `lock`, held for as long as it runs,
`journal.jsonl`, and the sound in parts of a minute, WAV files named after their first
sample. After each write the header says what is there, so that a part is whole whenever
the process ends. A part is deleted when all text in it was delivered, the folder when
nothing is left to deliver.
"""

from __future__ import annotations

import fcntl
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

PART = 60 * SAMPLE_RATE  # samples
_HEADER = 44  # bytes of a plain WAV header
_BYTES = 2  # a sample


def recordings_folder() -> Path:
    """Where the recordings and the history are."""
    from platformdirs import user_state_path

    return user_state_path("parakeet") / "dictation"


@dataclass(slots=True)
class _Part:
    """A minute of sound: in a file, or in memory where the disk took no more."""

    first: int
    path: Path
    length: int = 0  # samples
    file: int | None = None
    held: list[Pcm] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.first + self.length


class Recording:
    """One dictation's folder. Appended to by one thread, read and shortened by others."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock_file = lock
        self._parts: list[_Part] = []
        self._end = 0
        self._lock = RLock()
        self.full: OSError | None = None  # why the disk takes no more

    @classmethod
    def create(cls, root: Path) -> Recording:
        """A new one below `root`; raises OSError where none can be made."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
        name = time.strftime("%Y%m%d-%H%M%S") + f"-{os.getpid()}"
        for number in range(1000):
            folder = root / (name if not number else f"{name}-{number}")
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            lock = _locked(folder)
            assert lock is not None, "nobody else knows of a folder just made"
            return cls(folder, lock)
        raise FileExistsError(f"{root} holds too many recordings")

    @classmethod
    def reopen(cls, folder: Path) -> Recording | None:
        """One that an earlier process left behind; None while a process still holds it."""
        lock = _locked(folder)
        if lock is None:
            return None
        recording = cls(folder, lock)
        for path in sorted(folder.glob("*.wav")):
            if path.stem.isdecimal():
                length = max(0, path.stat().st_size - _HEADER) // _BYTES
                recording._parts.append(_Part(int(path.stem), path, length))
        recording._end = max((part.end for part in recording._parts), default=0)
        return recording

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def end(self) -> int:
        """Samples so far, those that were deleted included."""
        return self._end

    def append(self, pcm: Pcm) -> int:
        """Write 16 kHz mono int16, shape (n,); its first sample's number.

        A disk that is full is no reason to lose what is said: then it is kept in memory,
        and `full` says why.
        """
        with self._lock:
            first = self._end
            part = self._parts[-1] if self._parts else None
            if part is None or part.length >= PART or (part.file is None and not part.held):
                part = self._begin()
            if part.file is not None:
                try:
                    _write(part, pcm)
                except OSError as error:
                    self.full = error
                    os.close(part.file)
                    part.file = None
                    part = _Part(self._end, self.folder / "memory")
                    self._parts.append(part)
            if part.file is None:
                part.held.append(pcm)
            part.length += len(pcm)
            self._end += len(pcm)
            return first

    def _begin(self) -> _Part:
        self._close_file()
        part = _Part(self._end, self.folder / f"{self._end:015}.wav")
        try:
            part.file = os.open(part.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(part.file, _header(0))
            self.full = None
        except OSError as error:
            self.full = error
        self._parts.append(part)
        return part

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Samples `first` to `last` as mono float32, shape (n,); fewer where some are gone."""
        with self._lock:
            found = [
                _read(part, max(first, part.first) - part.first, min(last, part.end) - part.first)
                for part in self._parts
                if part.first < last and part.end > first
            ]
        return to_float(np.concatenate(found)) if found else np.zeros(0, np.float32)

    def forget(self, before: int) -> None:
        """Delete the parts that end at that sample or before it."""
        with self._lock:
            while self._parts and self._parts[0].end <= before and self._parts[0].end < self._end:
                part = self._parts.pop(0)
                if part.file is not None:
                    os.close(part.file)
                part.path.unlink(missing_ok=True)

    def close(self, *, delete: bool) -> None:
        """Let it go, and with `delete` for ever: all of it was delivered."""
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


def left_behind(root: Path) -> Iterator[Path]:
    """The folders of recordings below `root`, oldest first; some may be in use."""
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if (path / "lock").is_file())


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None where another process has it."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _header(samples: int) -> bytes:
    """A WAV's header: http://soundfile.sapp.org/doc/WaveFormat/."""
    size = samples * _BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1),
        *(SAMPLE_RATE, SAMPLE_RATE * _BYTES, _BYTES, 8 * _BYTES, b"data", size),
    )


def _write(part: _Part, pcm: Pcm) -> None:
    assert part.file is not None
    at = _HEADER + part.length * _BYTES
    view = memoryview(pcm.astype("<i2").tobytes())
    while view:
        written = os.pwrite(part.file, view, at)
        view, at = view[written:], at + written
    os.pwrite(part.file, _header(part.length + len(pcm)), 0)


def _read(part: _Part, first: int, last: int) -> Pcm:
    if part.held:
        return np.concatenate(part.held)[first:last]
    with part.path.open("rb") as file:
        file.seek(_HEADER + first * _BYTES)
        data = file.read((last - first) * _BYTES)
    return np.frombuffer(data[: len(data) // _BYTES * _BYTES], "<i2").astype(np.int16)
