"""Chooses what tells the speakers of a recording apart: the embedded CAM++, or a Sortformer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.speakers.collector import VoiceCollector
from parakeet_cli.speakers.count import CAM, SpeakerCount
from parakeet_cli.transcript import Word

if TYPE_CHECKING:
    from parakeet_cli.engines.base import EngineOptions
    from parakeet_cli.engines.nemo.sortformer import Sortformer, SortformerRecording


class SpeakersOfRecording(Protocol):
    """What is known of one recording's speakers. Raises EngineError and EngineUnavailable."""

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk."""
        ...

    def close(self) -> None:
        """No more chunks come. Is called after an error, too."""
        ...

    def names_of(self, words: Sequence[Word], count: SpeakerCount) -> Sequence[str]:
        """The speaker of each word."""
        ...


class Diarizer(Protocol):
    """Tells speakers apart, in any number of recordings at once."""

    def open(self) -> SpeakersOfRecording:
        """Begin a recording. Raises EngineUnavailable, UsageError."""
        ...

    def close(self) -> None:
        """Free its model; it isn't used again."""
        ...


def make_diarizer(
    model: str, options: EngineOptions, count: SpeakerCount | None
) -> Diarizer | None:
    """What tells as many speakers apart, by that model; None if nobody asked for it.

    Raises EngineUnavailable where it can't work here.
    """
    if count is None:
        return None
    if model == CAM:
        return CamPlusPlus()
    from parakeet_cli.engines.nemo.sortformer import Sortformer

    return _Sortformer(Sortformer(model, options, most=count.most))


@contextmanager
def open_diarizer(
    model: str, options: EngineOptions, count: SpeakerCount | None
) -> Iterator[Diarizer | None]:
    """The same, closed after the block.

    After an error or Ctrl-C the end of this process closes it: a thread may be loading its model.
    """
    made = make_diarizer(model, options, count)
    yield made
    if made is not None:
        made.close()


class CamPlusPlus:
    """The embedded one, for which there is nothing to load beforehand."""

    def open(self) -> SpeakersOfRecording:
        return _CollectedVoices()

    def close(self) -> None:
        pass


@dataclass(slots=True)
class _CollectedVoices:
    _collector: VoiceCollector = field(default_factory=VoiceCollector)

    def add(self, chunk: Chunk) -> None:
        self._collector.add(chunk)

    def close(self) -> None:
        pass

    def names_of(self, words: Sequence[Word], count: SpeakerCount) -> Sequence[str]:
        from parakeet_cli.speakers.diarize import names_of

        return names_of(words, self._collector.finish(), count)


@dataclass(slots=True)
class _Sortformer:
    _model: Sortformer

    def open(self) -> SpeakersOfRecording:
        return _Activity(self._model.open())

    def close(self) -> None:
        self._model.close()


@dataclass(slots=True)
class _Activity:
    _recording: SortformerRecording

    def add(self, chunk: Chunk) -> None:
        self._recording.add(chunk)

    def close(self) -> None:
        self._recording.close()

    def names_of(self, words: Sequence[Word], count: SpeakerCount) -> Sequence[str]:
        from parakeet_cli.speakers.activity import names_by_activity

        return names_by_activity(words, *self._recording.activity(), count.most)
