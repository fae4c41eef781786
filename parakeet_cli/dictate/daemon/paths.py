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
    log = private_folder(user_log_path("parakeet"))
    socket = runtime / "dictate.sock"
    if len(os.fsencode(socket)) > _MAX_PATH:
        raise ParakeetError(
            f"{socket} is too long a path for a socket.",
            hint="Set XDG_RUNTIME_DIR to a shorter one.",
        )
    return DaemonPaths(socket, runtime / "dictate.lock", log / "dictate.log")


def private_folder(path: Path) -> Path:
    """Make the folder if need be. Raises ParakeetError if others could write into it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
        # Without a runtime folder from the system it is in /tmp, where anyone could have made
        # a folder of that name first.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise ParakeetError(f"{path} isn't a folder that you own.")
        path.chmod(0o700)
    except OSError as error:
        raise ParakeetError(f"{path} can't be made: {error.strerror}.") from error
    return path
