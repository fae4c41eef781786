"""Records a source to disk in a thread of its own, then passes the sound on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from parakeet_cli.audio.microphone.microphone import (
    CapturedAudio,
    CaptureEvent,
    DeviceFound,
    DeviceLost,
)
from parakeet_cli.audio.samples import SAMPLE_RATE, Pcm
from parakeet_cli.dictate.recording.recording import Recording
from parakeet_cli.dictate.session.sources import SoundSource

_SLEPT = 1.0  # seconds of the system's sleep that are a gap


@dataclass(frozen=True, slots=True)
class RecordedSound:
    """Sound that is on the disk, from sample `first` on."""

    pcm: Pcm
    first: int


@dataclass(frozen=True, slots=True)
class Interruption:
    """The sound stops here for now; `reason` is empty for a pause that the user asked for."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing was recorded for `seconds` before sample `at`; the sound goes on."""

    at: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureEnded:
    """The source has ended, or failed with an error."""

    error: BaseException | None = None


CaptureMessage = RecordedSound | Interruption | Gap | CaptureEnded


class Capture:
    """Runs until the source ends, `duration` seconds of the stream are over, or `stop`."""

    def __init__(
        self,
        source: SoundSource,
        recording: Recording,
        send: Callable[[CaptureMessage], None],
        duration: float | None,
    ) -> None:
        self._source = source
        self._recording = recording
        self._send = send
        self._duration = duration
        self._position = (0.0, time.monotonic())  # seconds of the stream, and when it was there
        self._asleep = _seconds_asleep()
        self._skipped = 0  # samples, while paused
        self.began = 0.0  # when the first sound was captured, seconds since 1970
        self.overflows = 0  # how often sound was lost because the machine was too slow
        self.paused = False

    def start(self) -> None:
        Thread(target=self._run, name="capture", daemon=True).start()

    def stop(self) -> None:
        """End the recording after the sound up to now, from any thread."""
        self._source.close()

    @property
    def recorded_seconds(self) -> float:
        """How many seconds of the stream were captured, gaps included."""
        return self._position[0]

    @property
    def stream_time(self) -> float:
        """The present second of the stream."""
        seconds, when = self._position
        return seconds + time.monotonic() - when if self._source.live else seconds

    def stop_when_over(self) -> None:
        """End the recording after its duration, also where no sound comes."""
        if self._duration is not None and self.stream_time >= self._duration:
            self._source.close()

    def _run(self) -> None:
        try:
            for item in self._source:
                self._handle(item)
                if self._is_over():
                    break
        except BaseException as error:  # raised by `Dictation.run`
            self._send(CaptureEnded(error))
        else:
            self._send(CaptureEnded())
        finally:
            self._source.close()

    def _handle(self, item: CaptureEvent) -> None:
        asleep, self._asleep = _seconds_asleep() - self._asleep, _seconds_asleep()
        if isinstance(item, DeviceFound):  # counted while the system was awake
            self._skip(item.seconds + max(0.0, asleep), item.reason)
            return
        if self._source.live and asleep > _SLEPT:
            self._skip(asleep, "the computer sleeps")
        if isinstance(item, DeviceLost):
            self._send(Interruption(item.reason))
        elif self.paused:
            if not self._skipped:
                self._send(Interruption())
            self._skipped += len(item.pcm)
        else:
            if self._skipped:
                self._skip(self._skipped / SAMPLE_RATE, "paused")
                self._skipped = 0
            self._record(item)

    def _is_over(self) -> bool:
        return self._duration is not None and self.recorded_seconds >= self._duration

    def _record(self, audio: CapturedAudio) -> None:
        pcm = audio.pcm
        if self._duration is not None:
            left = round((self._duration - self.recorded_seconds) * SAMPLE_RATE)
            pcm = pcm[: max(0, left)]
        self.overflows += audio.overflowed
        if not len(pcm):  # a resampler holds its first samples back
            return
        self.began = self.began or audio.captured or time.time() - len(pcm) / SAMPLE_RATE
        first = self._recording.append(pcm)
        self._send(RecordedSound(pcm, first))
        self._position = (self.recorded_seconds + len(pcm) / SAMPLE_RATE, time.monotonic())

    def _skip(self, seconds: float, reason: str) -> None:
        self._position = (self.recorded_seconds + seconds, time.monotonic())
        self._send(Gap(self._recording.end, seconds, reason))


def _seconds_asleep() -> float:
    """How long this system slept since it was started; 0 where it doesn't say."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
