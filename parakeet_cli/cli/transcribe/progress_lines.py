"""Shows a batch's progress where nothing is drawn: lines for logs, or JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

from parakeet_cli import console
from parakeet_cli.system.safety.url_passwords import values_without_passwords
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcript import FileResult, Status

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0
_JSON_SECONDS = 1.0
_STEP = 0.05  # of all files
_MANY = 20  # files, from which each step has a line: with fewer, each file would


@dataclass(slots=True)
class Progress:
    """How far a batch is. Seconds are of audio, but for `began` and `elapsed`."""

    total: int
    earlier: int = 0  # files that an earlier session did
    ended: int = 0  # in this session
    failed: int = 0
    partial: int = 0
    audio: float | None = None  # of all files that this session does, if known
    began: float = field(default_factory=time.monotonic)
    done_audio: float = 0.0  # of files that have ended
    _reached: dict[int, float] = field(default_factory=dict)  # in files in work

    def advanced(self, job: Job, seconds: float) -> None:
        self._reached[id(job)] = max(0.0, seconds - job.offset)

    def add(self, job: Job, result: FileResult) -> None:
        self.ended += 1
        self.failed += result.status is Status.FAILED
        self.partial += result.status is Status.PARTIAL
        reached = self._reached.pop(id(job), 0.0)
        transcript = result.transcript
        self.done_audio += transcript.accounting.decoded_seconds if transcript else reached

    @property
    def files(self) -> int:
        """How many have ended, those of earlier sessions included."""
        return self.earlier + self.ended

    @property
    def share(self) -> float:
        return self.files / self.total if self.total else 1.0

    @property
    def audio_seconds(self) -> float:
        return self.done_audio + sum(list(self._reached.values()))

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    @property
    def speed(self) -> float | None:
        """RTFx of this session; None before anything is transcribed."""
        return self.audio_seconds / self.elapsed if self.audio_seconds and self.elapsed else None

    @property
    def seconds_left(self) -> float | None:
        """Until the end at the speed so far; None if that isn't known."""
        if self.audio and self.speed:
            return max(0.0, self.audio - self.audio_seconds) / self.speed
        if not self.ended:
            return None
        return (self.total - self.files) * self.elapsed / self.ended

    def in_words(self) -> str:
        good = self.files - self.failed - self.partial
        bad = f", {self.partial} partial" if self.partial else ""
        parts = [
            f"{self.files} of {self.total} files ({self.share:.0%}): {good} done, "
            f"{self.failed} failed{bad}",
            *([f"RTFx {self.speed:.1f}"] if self.speed else []),
            *([f"{self.ended / self.elapsed:.1f} files a second"] if self.ended else []),
        ]
        left = f"{console.clock(self.seconds_left)} left" if self.seconds_left is not None else ""
        return ", ".join([*parts, *([left] if left else [])]) + "."

    def as_json(self) -> dict[str, Any]:
        def rounded(value: float | None) -> float | None:
            return None if value is None else round(value, 3)

        return {
            "total": self.total,
            "done": self.files - self.failed - self.partial,
            "failed": self.failed,
            "partial": self.partial,
            "left": self.total - self.files,
            "audio_seconds": rounded(self.audio_seconds),
            "elapsed_seconds": rounded(self.elapsed),
            "rtfx": rounded(self.speed),
            "seconds_left": rounded(self.seconds_left),
        }


def file_in_words(job: Job, result: FileResult) -> str:
    """How a file ended: `a.wav: ok, 3.0 s`, `b.wav: failed, b.wav is empty`."""
    source = result.transcript.source.duration if result.transcript else None
    length = "" if source is None else f", {console.clock(source)}"
    reason = f", {console.shown_name(result.reason)}" if result.reason else ""
    return f"{console.shown_name(job.name)}: {result.status}{length}{reason}"


def file_event(job: Job, result: FileResult) -> dict[str, Any]:
    """How a file ended, for programs; without passwords of URLs.

    Of a file that failed, `outputs` are those that are in place all the same.
    """
    event: dict[str, Any] = {"event": "file", "file": job.name, "status": str(result.status)}
    if result.status is Status.FAILED and result.outputs:
        event["outputs"] = list(result.outputs)
    without: dict[str, Any] = values_without_passwords(event | {"reason": result.reason})
    return without


class LinesView:
    """For pipes and logs: a line each 30 s and each 5 % of the files; with --verbose, a file."""

    seconds = LINE_SECONDS

    def __init__(self, total: int, earlier: int = 0) -> None:
        self.progress = Progress(total, earlier)
        self._planned = False
        self._step = int(self.progress.share / _STEP)
        self._lock = Lock()
        self._closed = Event()
        self._due = time.monotonic() + self.seconds
        self._thread = Thread(target=self._keep_saying, name="progress", daemon=True)

    def __enter__(self) -> LinesView:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def _keep_saying(self) -> None:
        while not self._closed.wait(max(0.05, self._due - time.monotonic())):
            with self._lock:
                if time.monotonic() >= self._due:
                    self.say()

    def say(self) -> None:
        """Show how far it is, and wait `seconds` until the next time."""
        self._due = time.monotonic() + self.seconds
        console.info(self.progress.in_words())

    def started(self, job: Job, duration: float | None) -> None:
        pass

    def advanced(self, job: Job, seconds: float) -> None:
        with self._lock:
            self.progress.advanced(job, seconds)

    def ended(self, job: Job, result: FileResult) -> None:
        with self._lock:
            self.progress.add(job, result)
            self.show_file(job, result)
            step = int(self.progress.share / _STEP + 1e-9)
            if step > self._step:
                self._step = step
                self.show_step()

    def show_file(self, job: Job, result: FileResult) -> None:
        """Show, with --verbose and in the log, how a file ended."""
        log.info("%s", file_in_words(job, result))

    def show_step(self) -> None:
        if self.progress.total >= _MANY:
            self.say()

    def show_text(self, text: str) -> None:
        console.raw_out(text)

    def planned(self, seconds: float) -> None:
        self.progress.audio = seconds or None
        if not self._planned:
            self.progress.began = time.monotonic()
        self._planned = True


class JsonView(LinesView):
    """For programs, on stderr: a JSON object a line, each second and for each file that ended.

    {"event": "file", "file": "a.wav", "status": "ok", "reason": null}
    {"event": "progress", "total": 20, "done": 3, "failed": 0, "partial": 0, "left": 17, ...}
    """

    seconds = _JSON_SECONDS

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        with self._lock:
            self.say()

    def say(self) -> None:
        self._due = time.monotonic() + self.seconds
        self._write({"event": "progress", **self.progress.as_json()})

    def show_file(self, job: Job, result: FileResult) -> None:
        console.log_line(file_in_words(job, result))
        self._write(file_event(job, result))

    def show_step(self) -> None:
        pass  # each second is often enough

    def _write(self, event: dict[str, Any]) -> None:
        line = json.dumps(event)
        print(line, file=sys.stderr, flush=True)
