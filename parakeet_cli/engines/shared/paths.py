"""Finds the engine's socket and its lock, in a folder that only the user can enter."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.system.safety.private_folders import private_folder

_MAX_PATH = 100  # bytes; a socket's path may have 107 on Linux, 103 on macOS


@dataclass(frozen=True, slots=True)
class EnginePaths:
    """The files of the engine that a user's processes share."""

    socket: Path
    lock: Path


def runtime_folder() -> Path:
    """The folder for this user's sockets, which may have to be made."""
    from platformdirs import user_runtime_path

    # Without a usable XDG_RUNTIME_DIR it is one in /tmp, of which platformdirs warns.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return user_runtime_path("parakeet")


def engine_paths() -> EnginePaths | None:
    """This user's paths, in a private folder, which is made; None where there can't be one."""
    if not hasattr(os, "getuid"):
        return None
    try:
        folder = private_folder(runtime_folder())
    except OSError:  # NotPrivate, too: an engine isn't shared there, and nothing else is wrong
        return None
    path = folder / "engine.sock"
    return (
        EnginePaths(path, folder / "engine.lock") if len(os.fsencode(path)) <= _MAX_PATH else None
    )
