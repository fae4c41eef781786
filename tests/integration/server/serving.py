"""Starts `parakeet serve` in a process of its own, and makes recordings for it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).parents[3]
_LISTENING = re.compile(r"Listening at (http://\S+)")
_WYOMING = re.compile(r"Wyoming at tcp://(\S+):(\d+)")


@dataclass
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str
    uploads: Path
    lines: list[str] = field(default_factory=list)
    wyoming: int | None = None

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(self.url + path, **options)  # type: ignore[arg-type]

    def post(self, clip: bytes, path: str = "transcriptions", **fields: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/v1/audio/{path}",
            files={"file": ("clip.wav", clip)},
            data=fields,
            timeout=120,
        )

    def metric(self, name: str) -> float:
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"There is no metric {name}.")

    @property
    def left_behind(self) -> list[Path]:
        """The uploads that are on the disk."""
        return sorted(self.uploads.rglob("*.audio"))

    def engine_pid(self) -> int:
        """The process that holds the model."""
        return next(
            pid
            for pid in children_of(self.process.pid)
            if b"engines.shared.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server at a free port, with the engine mock unless another is named."""
    uploads = folder / "uploads"
    uploads.mkdir(exist_ok=True)
    runtime = folder / "run"
    runtime.mkdir(exist_ok=True, mode=0o700)
    engine = () if "--engine" in arguments else ("--engine", "mock")
    process = subprocess.Popen(
        [sys.executable, "-m", "parakeet_cli", "serve", "--port", "0", *engine, *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "TMPDIR": str(uploads),
            "XDG_RUNTIME_DIR": str(runtime),
            **(env or {}),
        },
        start_new_session=True,
    )
    assert process.stderr is not None
    server = Server(process, "", uploads)
    try:
        for line in process.stderr:
            server.lines.append(line)
            if found := _WYOMING.search(line):
                server.wyoming = int(found[2])
            if found := _LISTENING.search(line):
                server.url = found[1]
                break
        else:
            raise AssertionError("".join(server.lines))
        threading.Thread(target=server.lines.extend, args=(process.stderr,), daemon=True).start()
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def children_of(pid: int) -> list[int]:
    """The processes that this one started."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def clip(seconds: float = 1.0) -> bytes:
    """A WAV of faint noise."""
    import io

    samples = np.random.default_rng(1).normal(0, 0.05, int(16000 * seconds))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def mock_text(seconds: float) -> str:
    """What the engine mock says of so many seconds."""
    return f"This is a mock transcript of {seconds:.2f} seconds of audio."
