"""A recording in work: from its first chunk to its result."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.errors import EngineError
from parakeet_cli.formats import Collector
from parakeet_cli.speakers.levels import Levels
from parakeet_cli.transcribe.diarizers import SpeakersOfRecording
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcript import Accounting, Doubt, FileResult, LostInterval, Source

if TYPE_CHECKING:
    from parakeet_cli.transcribe.pipeline.results import PreparedResult


@dataclass(slots=True, eq=False)
class Voice:
    """What is decoded and transcribed as one: a whole recording, or one of its channels.

    A feeder's thread sets the fields from `levels` on.
    """

    channel: int | None = None  # from 0, if each of `count` is transcribed by itself
    count: int = 1
    assembler: Assembler = field(default_factory=Assembler)
    lost: list[LostInterval] = field(default_factory=list)  # chunks on which the engine failed
    levels: Levels = field(default_factory=Levels)  # of a channel
    speakers: SpeakersOfRecording | None = None  # if they are asked for
    seconds: float | None = None  # how long it is, as far as that is known
    accounting: Accounting = field(default_factory=Accounting)
    doubts: tuple[Doubt, ...] = ()  # about its sound

    def progress(self, seconds: float) -> float:
        """How far the recording is transcribed once this channel is, up to `seconds`."""
        if self.channel is None or self.seconds is None:
            return seconds
        return (self.channel * self.seconds + seconds) / self.count


@dataclass(slots=True, eq=False)
class FileInWork:
    """A job from its first chunk to its result.

    Until it is `fully_submitted`, a feeder's thread adds to `pending` and sets the fields below it.
    """

    item: PlannedFile
    result: FileResult | None = None
    prepared: Future[PreparedResult] | None = None  # once it is transcribed
    transcribed_chunks: int = 0
    failure: EngineError | None = None  # the last of the engine's failures
    collectors: dict[str, Collector] = field(default_factory=dict)  # by their output
    local: ExitStack = field(default_factory=ExitStack)  # its copy on a disk of this machine
    opened: bool = False  # the view knows of it
    fully_submitted: bool = False
    pending: deque[tuple[Chunk, Future[ChunkResult], Voice]] = field(default_factory=deque)
    voices: list[Voice] = field(default_factory=list)  # one, or one for each channel
    source: Source | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more will come from the feeder or the engine."""
        return self.fully_submitted and all(future.done() for _, future, _ in self.pending)
