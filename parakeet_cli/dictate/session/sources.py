"""The sound sources of a dictation: a microphone, or a file played as one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Protocol

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.microphone.microphone import CapturedAudio, CaptureEvent, Microphone
from parakeet_cli.audio.microphone.ready import ReadyMicrophone
from parakeet_cli.audio.samples import SAMPLE_RATE, to_pcm
from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.dictate.session.request import DictationRequest


class SoundSource(Protocol):
    """Iterate over it for the sound; the iteration ends with the sound, or after `close`."""

    @property
    def name(self) -> str:
        """What it is called in messages and in the chunks for the engine."""
        ...

    @property
    def device(self) -> str:
        """The sound server's own name for it, "" if it has none."""
        ...

    @property
    def live(self) -> bool:
        """Whether sound comes in real time, so that it must never be kept waiting."""
        ...

    def __iter__(self) -> Iterator[CaptureEvent]: ...

    def close(self) -> None:
        """End the iteration soon, from any thread."""
        ...

    def suspend(self, reason: str) -> None:
        """Close the microphone until `resume`, from any thread or a signal handler."""
        ...

    def resume(self) -> None:
        """Open it again."""
        ...


class MicrophoneSource:
    """A microphone, by its number or a part of its name; the system's default for None."""

    live = True

    def __init__(self, device: str | None, ready: ReadyMicrophone | None = None) -> None:
        """Find it, or start the one that is ready. Raises InputError, UsageError."""
        self._microphone = Microphone(device) if ready is None else ready.take(device)

    @property
    def name(self) -> str:
        return self._microphone.name

    @property
    def device(self) -> str:
        return self._microphone.source

    def __iter__(self) -> Iterator[CaptureEvent]:
        return iter(self._microphone)

    def close(self) -> None:
        self._microphone.close()

    def suspend(self, reason: str) -> None:
        self._microphone.suspend(reason)

    def resume(self) -> None:
        self._microphone.resume()


class FileSource:
    """A media file, a frame at a time: in real time if `live`, else as fast as it is taken."""

    device = ""

    def __init__(self, path: str, *, live: bool) -> None:
        self.name = path
        self.live = live
        self._closed = Flag()

    def __iter__(self) -> Iterator[CaptureEvent]:
        began: float | None = None
        played = 0  # samples
        with open_media(Path(self.name).expanduser(), name=self.name) as media:
            for block in media:
                pcm = to_pcm(block.samples)
                for at in range(0, len(pcm), FRAME):
                    if self.live:
                        began = began or time.monotonic()
                        due = began + (played + FRAME) / SAMPLE_RATE
                        self._closed.wait(max(0.0, due - time.monotonic()))
                    if self._closed.is_set():
                        return
                    frame = pcm[at : at + FRAME]
                    played += len(frame)
                    yield CapturedAudio(frame)

    def close(self) -> None:
        self._closed.set()

    def suspend(self, reason: str) -> None:
        """Do nothing: a file waits."""

    def resume(self) -> None:
        """Do nothing."""


def make_source(request: DictationRequest, ready: ReadyMicrophone | None = None) -> SoundSource:
    """The source that was asked for. Raises InputError, UsageError."""
    if request.from_file:
        return FileSource(request.from_file, live=not request.fast)
    return MicrophoneSource(request.input_device, ready)
