"""A worker's entry point whose engine crashes on files named `poison`."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.mock import Mock
from parakeet_cli.engines.shared import worker as shared_worker
from parakeet_cli.engines.whisper.engine import Whisper
from parakeet_cli.transcribe.workers import worker
from parakeet_cli.transcribe.workers.ray import Actor
from parakeet_cli.transcribe.workers.worker import WorkerSetup

mock_transcribe = Mock.transcribe
whisper_transcribe = Whisper.transcribe


def _accident(mock: Mock, chunk: Chunk) -> ChunkResult:
    _segfault_on_poison(chunk)
    return mock_transcribe(mock, chunk)


def _whisper_s_accident(whisper: Whisper, chunk: Chunk) -> ChunkResult:
    _segfault_on_poison(chunk)
    return whisper_transcribe(whisper, chunk)


def _segfault_on_poison(chunk: Chunk) -> None:
    if "poison" in Path(chunk.source).name:
        ctypes.string_at(0)  # as a native library does it


def _killed(mock: Mock, chunk: Chunk) -> ChunkResult:
    # Ray's own handler would let a SIGSEGV that comes from outside pass.
    if "poison" in Path(chunk.source).name:
        os.kill(os.getpid(), signal.SIGKILL)
    return mock_transcribe(mock, chunk)


class DyingActor(Actor):
    """A Ray actor with the same accidents."""

    def __init__(self, setup: WorkerSetup) -> None:
        Mock.transcribe = _killed  # type: ignore[method-assign,assignment]
        super().__init__(setup)


def main() -> None:
    """The worker's own entry point, with crashes added."""
    Mock.transcribe = _accident  # type: ignore[method-assign,assignment]
    Whisper.transcribe = _whisper_s_accident  # type: ignore[method-assign,assignment]
    worker.main()


def shared_main() -> None:
    """The entry point of a shared engine's process, with crashes added."""
    Mock.transcribe = _accident  # type: ignore[method-assign,assignment]
    shared_worker.main()
