"""Where the socket, its lock and the log are: folders that nobody else can enter."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.errors import ParakeetError

_LONGEST = 100  # bytes; a socket's path may have 107 on Linux, 103 on macOS


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one user's warm dictation."""

    socket: Path
    lock: Path
    log: Path


def find_paths() -> Paths:
    """This user's, their folders made; raises ParakeetError where they can't be private."""
    from platformdirs import user_log_path, user_runtime_path

    if not hasattr(os, "getuid"):
        raise ParakeetError(
            "A dictation in the background needs Unix's sockets.",
            hint="`parakeet dictate` in a terminal works without.",
        )
    runtime = private_folder(user_runtime_path("parakeet"))
    log = private_folder(user_log_path("parakeet"))
    socket = runtime / "dictate.sock"
    if len(os.fsencode(socket)) > _LONGEST:
        raise ParakeetError(
            f"{socket} is too long a path for a socket.",
            hint="Set XDG_RUNTIME_DIR to a shorter one.",
        )
    return Paths(socket, runtime / "dictate.lock", log / "dictate.log")


def private_folder(path: Path) -> Path:
    """The folder, made if need be; raises ParakeetError where others could reach into it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = path.lstat()
        # Without a runtime folder of the system's it is in /tmp, where anyone could have
        # made one of that name first.
        if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid():
            raise ParakeetError(f"{path} is not a folder of yours.")
        path.chmod(0o700)
    except OSError as error:
        raise ParakeetError(f"{path} can't be made: {error.strerror}.") from error
    return path
