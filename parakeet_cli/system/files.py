"""Files that appear whole or not at all, what killed processes left, and the package's data.

A file that is being written is locked: one that another process can lock has lost its
writer and may be removed.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import IO

from parakeet_cli.system.locks import LockHeld, lock
from parakeet_cli.system.regular_files import AT_ONCE, NO_LINK, open_regular

PREFIX, SUFFIX = ".parakeet-", ".part"
_BLOCK = 1 << 20  # bytes read at once
_PATIENCE = 2.0  # seconds
_PACKAGE = Path(__file__).resolve().parents[1]


class PendingFile:
    """A file that is written beside its place, and appears there when it is committed.

    It has `mode` less the umask. Raises OSError.
    """

    def __init__(self, path: Path, *, mode: int = 0o666) -> None:
        self.path = path
        with _pending_lock:
            self._temporary, descriptor = new_part(path.parent, mode=mode)
            _pending.add(self)
        self.stream: IO[bytes] = open(descriptor, "wb")  # noqa: SIM115 - commit() closes it

    def sync(self) -> None:
        """Make what was written durable. Raises OSError."""
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def commit(self) -> None:
        """Rename it to its place, and sync the folder; or remove it. Raises OSError."""
        try:
            if sys.platform == "win32":  # which can't rename an open file
                self.stream.close()
            # Renamed while it is locked, so that clear_leftovers can't remove it in between.
            self._temporary.replace(self.path)
            sync_folder(self.path.parent)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove it, if it wasn't committed."""
        with suppress(OSError):  # what was left to be written: nobody wants it
            self.stream.close()
        self.remove()
        with _pending_lock:
            _pending.discard(self)

    def remove(self) -> None:
        """Remove its name, if it wasn't committed; another thread may be writing to it."""
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


# What this process is writing.
_pending: set[PendingFile] = set()
_pending_lock = RLock()


def discard_pending() -> None:
    """Remove every file that isn't committed, and begin no other: the process is about to end.

    A thread that begins one waits for ever, and one that writes to one writes to nowhere.
    """
    _pending_lock.acquire(timeout=_PATIENCE)  # a file system may hang
    for one in tuple(_pending):
        one.remove()


@contextmanager
def atomic_writer(path: Path, *, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A file that appears at `path` whole when the block ends well, or not at all.

    It is written beside it, with `mode` less the umask, synced and renamed, and the folder
    is synced. Raises OSError.
    """
    pending = PendingFile(path, mode=mode)
    try:
        yield pending.stream
        pending.sync()
        pending.commit()
    finally:
        pending.discard()


def new_part(folder: Path, *, mode: int = 0o666) -> tuple[Path, int]:
    """A new temporary file in the folder, locked, and its descriptor. Raises OSError."""
    while True:
        path = folder / f"{PREFIX}{os.urandom(6).hex()}{SUFFIX}"
        # Not tempfile's, which only the owner may read: an output gets what the umask allows,
        # and a file system without permissions is never asked to change them.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | AT_ONCE
        descriptor = os.open(path, flags, mode)
        # Another process may have come between the two, and taken it for a leftover.
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)
        path.unlink(missing_ok=True)


def sha256_of(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """A file's SHA-256 in hexadecimal digits; `advance` is called with each block's bytes.

    Raises OSError.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if advance is not None:
                advance(len(block))
    return digest.hexdigest()


def clear_leftovers(folders: Iterable[Path]) -> int:
    """Remove the temporary files that killed processes left in these folders; how many.

    What can't be read or removed stays: its name keeps it from being taken for an output.
    """
    removed = 0
    for folder in set(folders):
        try:
            left = list(folder.glob(f"{PREFIX}*{SUFFIX}"))
        except OSError:
            continue
        for path in left:
            with suppress(OSError):
                removed += _clear(path)
    return removed


def write_all(descriptor: int, data: bytes) -> None:
    """Write it in as many calls as needed: each may take only a part. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system and the file system can."""
    if sys.platform == "win32":
        return
    # Some network file systems can't sync a folder, and one that may only be written can't be
    # opened; the file is there all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | AT_ONCE)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def data_file(name: str, *, folder: str = "") -> Path:
    """A file that ships with the package: in the wheel's data, in a checkout below `folder`.

    Raises FileNotFoundError.
    """
    for place in (_PACKAGE / "data" / name, _PACKAGE.parent / folder / name):
        if place.is_file():
            return place
    raise FileNotFoundError(name)


def _clear(path: Path) -> bool:
    descriptor = open_regular(path, os.O_WRONLY | NO_LINK)
    try:
        if _lock(descriptor) is not True:
            return False
        if sys.platform != "win32":  # while it is locked: nobody else can have begun with it
            path.unlink()
    finally:
        os.close(descriptor)
    if sys.platform == "win32":  # which can't remove an open file
        path.unlink()
    return True


def _lock(descriptor: int) -> bool | None:
    """Whether it is ours now; None where the system or the file system has no locks."""
    try:
        lock(descriptor)
    except LockHeld:
        return False
    except OSError:
        return None
    return True
