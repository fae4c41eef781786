"""What a dictation can listen to: a microphone, or a file played as one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Protocol

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.microphone.microphone import CapturedAudio, CaptureEvent, Microphone
from parakeet_cli.audio.samples import SAMPLE_RATE, to_pcm
from parakeet_cli.audio.segment.vad import FRAME


class SoundSource(Protocol):
    """Sound as it comes; the iteration ends with the sound, or after `close`."""

    @property
    def name(self) -> str:
        """What people call it, and what engines are told."""
        ...

    @property
    def live(self) -> bool:
        """Whether it goes on by itself, and must not be kept waiting."""
        ...

    def __iter__(self) -> Iterator[CaptureEvent]: ...

    def close(self) -> None:
        """End the iteration soon, from any thread."""
        ...


class MicrophoneSource:
    """The microphone that was asked for."""

    live = True

    def __init__(self, asked: str | None) -> None:
        self._microphone = Microphone(asked)

    @property
    def name(self) -> str:
        return self._microphone.name

    def __iter__(self) -> Iterator[CaptureEvent]:
        return iter(self._microphone)

    def close(self) -> None:
        self._microphone.close()


class FileSource:
    """A media file, a frame at a time: in real time, or as fast as it is taken."""

    def __init__(self, path: str, *, live: bool) -> None:
        self.name = path
        self.live = live
        self._closed = Flag()

    def __iter__(self) -> Iterator[CaptureEvent]:
        began: float | None = None
        given = 0
        with open_media(Path(self.name).expanduser(), name=self.name) as media:
            for block in media:
                pcm = to_pcm(block.samples)
                for at in range(0, len(pcm), FRAME):
                    if self.live:
                        began = began or time.monotonic()
                        due = began + (given + FRAME) / SAMPLE_RATE
                        self._closed.wait(max(0.0, due - time.monotonic()))
                    if self._closed.is_set():
                        return
                    piece = pcm[at : at + FRAME]
                    given += len(piece)
                    yield CapturedAudio(piece)

    def close(self) -> None:
        self._closed.set()
