"""Finds the engine's socket and its lock, in a folder that only the user can enter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.system.safety.private_folders import private_folder

_MAX_PATH = 100  # bytes; a socket's path may have 107 on Linux, 103 on macOS


@dataclass(frozen=True, slots=True)
class EnginePaths:
    """The files of the engine that a user's processes share."""

    socket: Path
    lock: Path


def engine_paths() -> EnginePaths | None:
    """This user's paths, in a private folder, which is made; None where there can't be one."""
    from platformdirs import user_runtime_path

    if not hasattr(os, "getuid"):
        return None
    try:
        folder = private_folder(user_runtime_path("parakeet"))
    except OSError:  # NotPrivate, too: an engine isn't shared there, and nothing else is wrong
        return None
    path = folder / "engine.sock"
    return (
        EnginePaths(path, folder / "engine.lock") if len(os.fsencode(path)) <= _MAX_PATH else None
    )
