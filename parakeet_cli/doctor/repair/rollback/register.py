"""Lists the environments where a repair may be unfinished: one small file each.

They lie in the user's state folder. Every command looks here first, so this module imports
no more than it needs for that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = ".parakeet"  # of the journals, in the environment itself


def remember(prefix: str) -> None:
    """Notes the environment, so that the next command of any kind looks there.

    Where the folder can't be written, the environment's own journal must do: commands that
    run in it or are told its interpreter look there.
    """
    with suppress(OSError):
        path = _registered(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(prefix, "utf-8", errors="surrogateescape")


def forget(prefix: str) -> None:
    """The repair has ended."""
    with suppress(OSError):
        _registered(prefix).unlink()


def to_check() -> Iterator[str]:
    """The environments to look at: this process's own, and the noted ones."""
    seen = {sys.prefix}
    if os.path.isdir(os.path.join(sys.prefix, FOLDER)):
        yield sys.prefix
    try:
        noted = os.listdir(_register())
    except OSError:
        return
    for name in noted:
        try:
            prefix = (_register() / name).read_text("utf-8", errors="surrogateescape")
        except OSError:
            continue
        if prefix and prefix not in seen:
            seen.add(prefix)
            yield prefix


def _register() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(
        os.environ.get("HOME") or os.path.expanduser("~"), ".local", "state"
    )
    return Path(base, "parakeet", "repairs")


def _registered(prefix: str) -> Path:
    return _register() / (prefix.strip("/").replace("%", "%25").replace("/", "%2F") or "root")
