"""Decoding in worker processes: a crash, a hang or a flood is one file's and no other's.

A worker is started once and used for file after file. A file that kills its worker keeps
what was decoded until then; the rest of it is reported as lost, with what happened.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import parakeet_cli
from parakeet_cli.audio.decode.base import Media, MediaRequest
from parakeet_cli.audio.decode.coverage import Coverage, DeclaredDuration
from parakeet_cli.audio.decode.messages import HEADER, Kind, Message, found
from parakeet_cli.audio.samples import Block
from parakeet_cli.errors import InputError

ENTRY = "from parakeet_cli.audio.decode.worker import main; main()"
OUT_OF_MEMORY = 77  # a worker's exit code
PIPE_BYTES = 1 << 20  # a block and a half: the worker decodes ahead, and no further
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What one file may take."""

    seconds: float = 60.0  # for ten seconds of sound, which commonly take 0.02
    memory: int = 1 << 30  # bytes, beyond what a worker needs when idle


class DecoderDied(Exception):
    """A worker died or was ended; the message says why, in plain words."""


class DecoderWorker:
    """One decoding process."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits = limits
        # The same modules as here, whatever the folder or the environment says.
        paths = [str(Path(parakeet_cli.__file__).parent.parent), *filter(None, sys.path)]
        code = f"import sys; sys.path[:] = {paths!r}; {ENTRY}"
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, str(limits.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        if F_SETPIPE_SZ is not None:
            with contextlib.suppress(OSError):  # a user's pipes have a limit in all
                fcntl.fcntl(self._stdout, F_SETPIPE_SZ, PIPE_BYTES)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: object) -> None:
        """Send a request. Raises DecoderDied."""
        try:
            self._stdin.write(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise DecoderDied(self._death()) from error

    def receive(self) -> Message:
        """The next message. Raises DecoderDied, the worker's process then being ended."""
        deadline = time.monotonic() + self._limits.seconds
        kind, length = HEADER.unpack(self._read(HEADER.size, deadline))
        return Message(Kind(kind), self._read(length, deadline))

    def _read(self, length: int, deadline: float) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._stdout], [], [], left)[0]:
                self.kill()
                raise DecoderDied(
                    f"its decoder made no progress for {self._limits.seconds:g} seconds"
                )
            count = os.readv(self._stdout.fileno(), [view])
            if not count:
                raise DecoderDied(self._death())
            view = view[count:]
        return data

    def _death(self) -> str:
        self._stdin.close()
        self._stdout.close()
        code = self._process.wait()
        if code == OUT_OF_MEMORY:
            megabytes = self._limits.memory >> 20
            return f"its decoder wanted more than the {megabytes} MB that one file may take"
        if code >= 0:
            return f"its decoder failed (exit code {code})"
        return f"its decoder crashed ({signal.Signals(-code).name})"

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._stdin.close()
        self._stdout.close()
        self._process.wait()


class DecoderPool:
    """Workers that wait for a file. For use by many threads."""

    def __init__(self, limits: DecoderLimits) -> None:
        self.limits = limits
        self._idle: list[DecoderWorker] = []
        self._lock = threading.Lock()

    def warm_up(self, count: int) -> None:
        """Have `count` workers waiting, or on the way."""
        with self._lock:
            while len(self._idle) < count:
                self._idle.append(DecoderWorker(self.limits))

    def take(self) -> DecoderWorker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
        return DecoderWorker(self.limits)

    def give(self, worker: DecoderWorker) -> None:
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        """End all that wait."""
        with self._lock:
            while self._idle:
                self._idle.pop().kill()


@cache
def default_pool() -> DecoderPool:
    """This process's own pool, made on first use and closed when the process ends."""
    pool = DecoderPool(DecoderLimits())
    atexit.register(pool.close)
    return pool


class IsolatedMedia(Media):
    """A file that a worker has open."""

    def __init__(self, request: MediaRequest, pool: DecoderPool) -> None:
        self._pool = pool
        self._name = request.name
        self._span = request.span
        self._worker: DecoderWorker | None = pool.take()
        try:
            self._worker.ask(asdict(request))
            message = self._worker.receive()
        except DecoderDied as error:
            raise InputError(f"{request.name} can't be opened: {error}.") from error
        except BaseException:
            self.close()
            raise
        self._refuse(message)
        super().__init__(*found(message.json))

    def __iter__(self) -> Iterator[Block]:
        coverage = Coverage()
        damaged = 0
        while self._worker is not None:
            try:
                message = self._worker.receive()
            except DecoderDied as error:
                self._worker = None
                self._failed(error, coverage, damaged)
                return
            self._refuse(message)
            if message.kind is Kind.DONE:
                self.source, self.accounting = found(message.json)
                self._release()
                return
            block, damaged = message.block
            if not coverage.heard:
                coverage.begin = block.start
            coverage.place(block.start, block.end)
            yield block

    def close(self) -> None:
        """A worker in the middle of a file is ended: there is no way to call it back."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _release(self) -> None:
        if self._worker is not None:
            self._pool.give(self._worker)
            self._worker = None

    def _refuse(self, message: Message) -> None:
        if message.kind is Kind.REFUSED:
            self._release()
            raise InputError(message.json["message"], hint=message.json["hint"])

    def _failed(self, error: DecoderDied, coverage: Coverage, damaged: int) -> None:
        """Keep what was heard; everything after it is lost."""
        if not coverage.heard:
            raise InputError(f"{self._name} can't be decoded: {error}.") from error
        promised = self.accounting
        until = self.accounting.expected_seconds or self.source.duration or 0.0
        if self._span.end is not None:
            until = min(until, self._span.end)
        # Where nobody knows how much was left, at least the block in hand was.
        coverage.lose_until(max(until, coverage.end + 1.0), str(error))
        promise = DeclaredDuration(promised.expected_seconds, promised.expected_basis)
        self.accounting = coverage.account(promise, damaged + 1, self._span.start, self._span.end)
        self.source = replace(self.source, duration=until or coverage.end)


def isolated_duration(path: Path, pool: DecoderPool) -> float | None:
    """What a header says the length is, read by a worker; None where it can't be."""
    worker = pool.take()
    try:
        worker.ask({"probe": str(path.absolute())})
        message = worker.receive()
    except DecoderDied:
        return None
    except BaseException:
        worker.kill()
        raise
    pool.give(worker)
    seconds = message.json
    return None if seconds is None else float(seconds)
