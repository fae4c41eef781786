"""A watch as a process of its own, what it says as it comes, and how it is ended."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from tests.integration.transcribe.command import start

LIMIT = 60.0  # seconds until something must have happened
SETTLE = ("--settle", "0.4")
WATCH = ("--watch", "in", "-f", "txt,json", "-o", "out", "--run", "run")


class Watching:
    """A watch that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))

    @property
    def err(self) -> str:
        return "\n".join(self.lines)

    def until(self, happened: Callable[[], object]) -> None:
        limit = time.monotonic() + LIMIT
        while not happened():
            assert self.process.poll() is None, self.err
            assert time.monotonic() < limit, self.err
            time.sleep(0.02)

    def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said that so often."""
        self.until(lambda: sum(text in line for line in self.lines) >= times)

    def looks(self, folder: Path, name: str = "sentinel") -> None:
        """Wait until it has taken a file that came after everything else, and is idle."""
        (folder / f"{name}.wav").write_bytes(b"RIFF" + bytes(60))
        self.says(f"{name}.wav")

    def end(self, number: int = signal.SIGTERM) -> str:
        """Send the signal, and return all that it said."""
        self.process.send_signal(number)
        assert self.process.wait(LIMIT) == (-9 if number == signal.SIGKILL else 128 + number), (
            self.err
        )
        self._reader.join(LIMIT)
        assert "Traceback" not in self.err
        return self.err


@contextmanager
def watching(
    folder: Path, *more: str, asked: tuple[str, ...] = WATCH, made: bool = True, **how: Any
) -> Iterator[Watching]:
    """A watch of `in`, which is made first; it is killed if the test doesn't end it.

    It shares its engine with nothing else, unless `env` names a runtime folder.
    """
    if made:
        (folder / "in").mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="run-") as runtime:  # a socket's path must be short
        env = {"XDG_RUNTIME_DIR": runtime, **how.pop("env", {})}
        process = start(folder, "transcribe", *asked, *SETTLE, *more, env=env, **how)
        watch = Watching(process)
        try:
            yield watch
        finally:
            process.kill()
            process.wait()
