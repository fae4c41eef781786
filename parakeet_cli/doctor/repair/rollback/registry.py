"""Lists the environments with a repair under way: one small file each in the state folder.

Every command looks here first for an interrupted repair, so this module imports no more than
it needs for that.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = ".parakeet"  # of the journals, in the environment itself
_BYTES = 4096  # of a path
# Neither is there on Windows. A FIFO in the place of a file is opened at once.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


def register(prefix: str) -> None:
    """Record that a repair of the environment begins.

    If the state folder can't be written, the environment's own journal must do: commands that
    run in it, or are given its interpreter, look there.
    """
    from parakeet_cli.system.safety.private_folders import (
        private_folder,  # no other command needs it
    )

    with suppress(OSError):
        path = _file_of(prefix)
        private_folder(path.parent, own=2)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_LINK | _AT_ONCE
        with open(os.open(path, flags, 0o600), "wb") as file:
            file.write(os.fsencode(prefix))


def unregister(prefix: str) -> None:
    """Record that the repair has ended."""
    with suppress(OSError):
        _file_of(prefix).unlink()


def registered() -> Iterator[str]:
    """The environments that may have an interrupted repair, the one of this process first."""
    if os.path.isdir(os.path.join(sys.prefix, FOLDER)):
        yield sys.prefix
    seen = {sys.prefix}
    try:
        names = os.listdir(_folder())
    except OSError:
        return
    for name in names:
        try:
            prefix = _read(_folder() / name)
        except OSError:
            continue
        if os.path.isabs(prefix) and "\0" not in prefix and prefix not in seen:
            seen.add(prefix)
            yield prefix


def _read(path: Path) -> str:
    """What a file says; empty for a link, a FIFO or anything else that `register` doesn't make."""
    descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _AT_ONCE)
    with open(descriptor, "rb") as file:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.fsdecode(file.read(_BYTES)) if regular else ""


def _folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(
        os.environ.get("HOME") or os.path.expanduser("~"), ".local", "state"
    )
    return Path(base, "parakeet", "repairs")


def _file_of(prefix: str) -> Path:
    return _folder() / (prefix.strip("/").replace("%", "%25").replace("/", "%2F") or "root")
