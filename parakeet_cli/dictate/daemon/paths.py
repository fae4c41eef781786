"""Finds the folders of the socket, its lock and the log, which only their owner can enter."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.errors import ParakeetError

_MAX_PATH = 100  # bytes; a socket's path may have 107 on Linux, 103 on macOS


@dataclass(frozen=True, slots=True)
class DaemonPaths:
    """The files of one user's daemon."""

    socket: Path
    lock: Path
    log: Path


def find_paths() -> DaemonPaths:
    """This user's paths. Makes their folders; raises ParakeetError if they can't be private."""
    from platformdirs import user_log_path, user_runtime_path

    if not hasattr(os, "getuid"):
        raise ParakeetError(
            "Dictation in the background needs Unix sockets.",
            hint="`parakeet dictate` in a terminal works without them.",
        )
    runtime = private_folder(user_runtime_path("parakeet"))
    log = user_log_path("parakeet")
    if log.parent.name == "parakeet":  # ours too
        private_folder(log.parent)
    private_folder(log)
    socket = runtime / "dictate.sock"
    if len(os.fsencode(socket)) > _MAX_PATH:
        raise ParakeetError(
            f"{socket} is too long a path for a socket.",
            hint="Set XDG_RUNTIME_DIR to a shorter one.",
        )
    return DaemonPaths(socket, runtime / "dictate.lock", log / "dictate.log")


def _check_around(folder: Path) -> None:
    """Raise ParakeetError if others could put another folder in the place of one in this."""
    status = folder.stat()
    theirs = status.st_uid not in (0, os.getuid())
    open_to_all = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    if theirs or open_to_all:
        raise ParakeetError(
            f"Other users can replace what is in {folder}.",
            hint="Set XDG_RUNTIME_DIR and XDG_STATE_HOME to folders that only you can write.",
        )


def private_folder(path: Path) -> Path:
    """Make the folder if need be. Raises ParakeetError if others could write into it."""
    try:
        for above in reversed(path.parents):  # none that all can write, whatever the umask
            if not above.exists():
                above.mkdir(mode=0o755, exist_ok=True)
        _check_around(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
        # Without a runtime folder from the system it is in /tmp, where anyone could have made
        # a folder of that name first.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise ParakeetError(f"{path} isn't a folder that you own.")
        path.chmod(0o700)
    except OSError as error:
        raise ParakeetError(f"{path} can't be made: {error.strerror}.") from error
    return path
