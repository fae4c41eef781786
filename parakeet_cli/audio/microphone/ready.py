"""Keeps a microphone opened and paused, so that it records within milliseconds."""

from __future__ import annotations

import logging
import time
from threading import Lock, Thread

from parakeet_cli.audio.microphone.capture_client import CaptureProcess
from parakeet_cli.audio.microphone.devices import find_device, list_devices
from parakeet_cli.audio.microphone.microphone import Microphone
from parakeet_cli.errors import InputError, UsageError

_FIRST_RETRY, _LAST_RETRY = 2.0, 60.0  # seconds until a device that can't be opened is tried again

_log = logging.getLogger(__name__)


class ReadyMicrophone:
    """One capture process for the microphone that was used last; made in a thread.

    With `pre_roll`, seconds, `take` also has the sound from before, which is held in memory.
    """

    def __init__(self, pre_roll: float = 0.0) -> None:
        self._pre_roll = pre_roll
        self._lock = Lock()
        self._process: CaptureProcess | None = None
        self._requested: str | None = None  # what `_process` was opened for
        self._taken = self._opening = self._closed = self._suspended = False
        self._retry, self._due = _FIRST_RETRY, 0.0

    def prepare(self, requested: str | None) -> None:
        """Open that microphone, if it isn't, in the background; an error shows when it is taken."""
        with self._lock:
            if self._closed or self._taken or self._opening or self._suspended:
                return
            process = self._process
            if process is not None and self._requested == requested and process.is_alive:
                return
            self._process = None
            self._requested, self._opening = requested, True
        if process is not None:
            process.end()
        Thread(target=self._open, args=(requested,), name="microphone", daemon=True).start()

    def take(self, requested: str | None) -> Microphone:
        """A microphone that records from now on if it was ready. Raises InputError, UsageError."""
        with self._lock:
            process, self._process = self._process, None
            fits = process is not None and self._requested == requested and process.is_alive
            self._requested, self._taken = requested, True
        if process is not None and not fits:
            process.end()
        try:
            return Microphone(requested, ready=process if fits else None, give_back=self._keep)
        except BaseException:
            self._taken = False
            raise

    def released(self) -> None:
        """The microphone that was taken has ended: open it again if it isn't kept."""
        self._taken = False
        self.prepare(self._requested)

    def check(self) -> None:
        """Open it again if its process has died, after longer and longer times."""
        process = self._process
        dead = process is None or not process.is_alive
        if dead and not (self._taken or self._opening) and time.monotonic() >= self._due:
            self.prepare(self._requested)

    def suspend(self) -> None:
        """Close the microphone, and open it no more until `resume`."""
        self._suspended = True
        self._end_process()

    def resume(self) -> None:
        """Open the microphone again."""
        self._suspended = False
        self.prepare(self._requested)

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._end_process()

    def _end_process(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.end()

    def _keep(self, process: CaptureProcess) -> None:
        with self._lock:
            keep = not self._closed and not self._suspended and self._process is None
            if keep:
                self._process = process
        if not keep:
            process.end()

    def _open(self, requested: str | None) -> None:
        process = None
        try:
            device = find_device(requested, list_devices())
            default = requested is None and device.source is not None
            process = CaptureProcess("pulse:" if default else device.key, self._pre_roll)
            process.wait_until_open(lambda: self._closed)
        except (InputError, UsageError) as error:
            _log.info("The microphone isn't ready: %s", error)
            process = None
            self._retry = min(2 * self._retry, _LAST_RETRY)
        else:
            self._retry = _FIRST_RETRY
        with self._lock:
            self._opening = False
            self._due = time.monotonic() + self._retry
            unwanted = self._closed or self._taken or self._suspended
            wanted = not unwanted and self._requested == requested
            keep = wanted and self._process is None
            if keep:
                self._process = process
        if process is not None and not keep:
            process.end()
