"""Finds the folders of the socket, its lock and the log, which only their owner can enter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.engines.shared.paths import runtime_folder
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.safety.private_folders import NotPrivate, private_folder

_MAX_PATH = 100  # bytes; a socket's path may have 107 on Linux, 103 on macOS


@dataclass(frozen=True, slots=True)
class DaemonPaths:
    """The files of one user's daemon."""

    socket: Path
    lock: Path
    log: Path


def find_paths() -> DaemonPaths:
    """This user's paths. Makes their folders; raises ParakeetError if they can't be private."""
    from platformdirs import user_log_path

    if not hasattr(os, "getuid"):
        raise ParakeetError(
            "Dictation in the background needs Unix sockets.",
            hint="`parakeet dictate` in a terminal works without them.",
        )
    runtime, log = runtime_folder(), user_log_path("parakeet")
    _private_folder(runtime)
    _private_folder(log, own=2 if log.parent.name == "parakeet" else 1)
    socket = runtime / "dictate.sock"
    if len(os.fsencode(socket)) > _MAX_PATH:
        raise ParakeetError(
            f"{socket} is too long a path for a socket.",
            hint="Set XDG_RUNTIME_DIR to a shorter one.",
        )
    return DaemonPaths(socket, runtime / "dictate.lock", log / "dictate.log")


def _private_folder(path: Path, *, own: int = 1) -> None:
    try:
        private_folder(path, own=own)
    except NotPrivate as error:
        raise ParakeetError(f"{error.strerror}.", hint=error.hint) from error
    except OSError as error:
        raise ParakeetError(f"{path} can't be made: {error.strerror}.") from error
