"""Lists the environments with a repair under way: one small file each in the state folder.

Every command looks here first for an interrupted repair, so this module imports no more than
it needs for that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = ".parakeet"  # of the journals, in the environment itself


def register(prefix: str) -> None:
    """Record that a repair of the environment begins.

    If the state folder can't be written, the environment's own journal must do: commands that
    run in it, or are given its interpreter, look there.
    """
    with suppress(OSError):
        path = _file_of(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(prefix, "utf-8", errors="surrogateescape")


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
            prefix = (_folder() / name).read_text("utf-8", errors="surrogateescape")
        except OSError:
            continue
        if prefix and prefix not in seen:
            seen.add(prefix)
            yield prefix


def _folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(
        os.environ.get("HOME") or os.path.expanduser("~"), ".local", "state"
    )
    return Path(base, "parakeet", "repairs")


def _file_of(prefix: str) -> Path:
    return _folder() / (prefix.strip("/").replace("%", "%25").replace("/", "%2F") or "root")
