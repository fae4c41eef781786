"""Makes temporary folders that are removed also when their process is killed: by the next one.

A folder is locked while it is used. One that another process of the same user can lock has lost
its owner.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from parakeet_cli.system.locks import LockHeld, lock
from parakeet_cli.system.regular_files import NO_LINK

_PREFIX = "parakeet-scratch-"
_NAME = re.compile(rf"{_PREFIX}\w{{8}}")  # tempfile's eight characters
_cleared: set[str] = set()  # folders that this process has looked through
_clearing = Lock()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for this user alone, removed at the end. Raises OSError."""
    clear_scratch_folders(once=True)
    path, descriptor = _new()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def scratch_file(name: str, text: str) -> Iterator[str]:
    """The path of a new file with the text, for this user alone, removed at the end.

    Raises OSError.
    """
    with scratch_folder() as folder:
        path = folder / name
        path.touch(mode=0o600)  # what is in it may be a password
        path.write_text(text, encoding="utf-8")
        yield str(path)


def clear_scratch_folders(*, once: bool = False) -> int:
    """Remove what killed processes of this user have left; how many folders.

    With `once` nothing is done again in the same process.
    """
    top = tempfile.gettempdir()
    with _clearing:
        if sys.platform == "win32" or (once and top in _cleared):
            return 0  # Windows can't lock a folder
        _cleared.add(top)
    try:
        left = [one for one in os.listdir(top) if _NAME.fullmatch(one)]  # noqa: PTH208
    except OSError:
        return 0
    return sum(_clear(os.path.join(top, one)) for one in left)  # noqa: PTH118


def _new() -> tuple[Path, int | None]:
    """A new folder and its locked descriptor; None where there are no such locks."""
    while True:
        path = tempfile.mkdtemp(prefix=_PREFIX)
        try:
            descriptor = _locked(path)
        except (LockHeld, FileNotFoundError):
            continue  # another process came between the two, and removes it as a leftover
        if descriptor is None or os.fstat(descriptor).st_nlink:
            return Path(path), descriptor
        os.close(descriptor)


def _clear(path: str) -> bool:
    """Remove the folder, if it is this user's and nobody uses it."""
    with suppress(OSError, LockHeld):
        if os.lstat(path).st_uid != os.getuid():
            return False
        descriptor = _locked(path)
        if descriptor is not None:
            shutil.rmtree(path, ignore_errors=True)  # follows no link
            os.close(descriptor)
            return True
    return False


def _locked(path: str) -> int | None:
    """The descriptor of the folder, locked; None where the system or its disk has no such locks.

    Raises LockHeld, FileNotFoundError, and OSError for what isn't a folder.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | NO_LINK | os.O_CLOEXEC)
    try:
        lock(descriptor)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError):
            return None
        raise
    return descriptor
