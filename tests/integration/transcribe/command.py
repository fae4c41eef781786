"""The installed command as a process of its own, in bytes, with a clean environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.media_files import SAMPLES

COMMAND = str(Path(sys.executable).parent / "parakeet")
CLIP = SAMPLES / "sense_0880.wav"
CLIP_SECONDS = 2.99
MOCK = {"PERSONALPARAKEET_USE_MOCK_STT": "true"}
TINY = {"PARAKEET_MODEL": "tiny.en"}  # real speech to text, where little depends on the model
SAID = b"This is a mock transcript of 2.99 seconds of audio.\n"

Argument = str | bytes | Path


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended: stdout in bytes, and stderr as text."""

    code: int
    out: bytes
    err: str


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without those that the command reads, and another home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PARAKEET_", "PERSONALPARAKEET_", "XDG_", "COV_"))
        and name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")
    }
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", **(more or {})}


def start(
    folder: Path,
    *arguments: Argument,
    env: Mapping[str, str] | None = None,
    engine: Mapping[str, str] = MOCK,
    through: Sequence[Argument] = (),
    **options: Any,
) -> subprocess.Popen[bytes]:
    """`parakeet ARGUMENTS` in `folder`, on the mock engine unless `engine` says otherwise.

    `through` is a command that runs it, `sh -c '"$@" <&-' sh` for instance.
    """
    streams: dict[str, int | IO[bytes]] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    return subprocess.Popen(
        [*through, COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, {**engine, **(env or {})}),
        **{**streams, **options},
    )


def run(
    folder: Path,
    *arguments: Argument,
    stdin: bytes | None = None,
    limit: float = 60,
    **options: Any,
) -> Done:
    """Run it to its end. `stdin` is what it can read there."""
    if stdin is not None:
        options["stdin"] = subprocess.PIPE
    process = start(folder, *arguments, **options)
    out, err = process.communicate(stdin, timeout=limit)
    return Done(process.returncode, out or b"", (err or b"").decode("utf-8", "surrogateescape"))


def transcribe(folder: Path, *arguments: Argument, **options: Any) -> Done:
    return run(folder, "transcribe", *arguments, **options)


def clip(path: Path) -> Path:
    """The sample clip under another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CLIP, path)
    return path


def files(folder: Path) -> set[str]:
    """Every file below a folder, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
