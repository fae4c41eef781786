"""The engine nemo with the small Parakeet, as the tests of it use it."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.transcript import Word
from tests.integration.transcribe.nemo_clips import TDT, as_chunk
from tests.media_files import Floats

# The stack's interpreter starts in ten seconds, on a busy machine in a minute.
LIMIT = 300.0


def made(python: str, **more: Any) -> Nemo:
    options = EngineOptions(model=str(TDT), device="cpu", threads=1, ml_python=python, **more)
    engine = Nemo(options, concurrency=4)
    engine.load()
    return engine


def words_of(engine: Nemo, sound: Floats) -> list[Word]:
    found = engine.transcribe(as_chunk(sound))
    return [word for segment in found.segments for word in segment.words]


def texts(words: list[Word]) -> list[str]:
    return [word.text for word in words]


def settings(python: str) -> dict[str, str]:
    """What makes the command take the engine and this model."""
    return {"PARAKEET_ENGINE": "nemo", "PARAKEET_MODEL": str(TDT), "PARAKEET_ML_PYTHON": python}


def write(path: Path, sound: Floats) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def children(pid: int) -> list[int]:
    """The workers that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="ascii", errors="replace")
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == pid and b"nemo/worker" in line:
            found.append(int(folder.name))
    return found
