"""Decodes in worker processes, so that a crash, a hang or a flood affects one file only.

A worker is started once and used for file after file. If a file kills its worker, the
audio decoded until then remains; the rest of the file is reported as lost, with the reason.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from parakeet_cli.audio.decode.base import Media, MediaRequest, Notes
from parakeet_cli.audio.decode.coverage import Coverage
from parakeet_cli.audio.decode.messages import (
    HEADER,
    INBOX_BYTES,
    INBOX_SLOTS,
    OUT_OF_MEMORY,
    SLOT_BYTES,
    SLOT_FREE,
    SLOT_FREE_BARE,
    SLOTS,
    BlockMessage,
    Message,
    MessageKind,
    from_json,
)
from parakeet_cli.audio.samples import Block, Samples
from parakeet_cli.audio.shared_slots import SharedSlots
from parakeet_cli.errors import EngineUnavailable, InputError, ProgramError
from parakeet_cli.system import processes
from parakeet_cli.system.child_errors import ErrorOutput, exception_of, last_traceback
from parakeet_cli.system.portable import pipes
from parakeet_cli.transcript import StreamInfo

ENTRY = "from parakeet_cli.audio.decode.worker import main; main()"
PIPE_BYTES = 1 << 20  # a block and a half, where there is no shared memory


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """The time and memory that one file may take."""

    seconds: float = 60.0  # for ten seconds of audio, which commonly take 0.02
    memory: int = 1 << 30  # bytes, beyond the memory of an idle worker


class DecoderDied(Exception):
    """A worker died or was killed; the message is the reason, in plain words.

    `traceback` is that of an exception in the worker: a fault of ours, not of the file.
    """

    def __init__(self, reason: str, traceback: str = "") -> None:
        super().__init__(reason)
        self.traceback = traceback

    def as_error(self, action: str) -> InputError:
        """The error of a file for which this happened; `action` is what was tried with it."""
        message = f"{action}: {self}."
        if self.traceback:
            return ProgramError(message, traceback=self.traceback)
        return InputError(message)


class DecoderWorker:
    """The parent's handle of one decoder process."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits = limits
        self._errors = ErrorOutput()
        self._slots = SharedSlots.create(SLOT_BYTES, SLOTS)
        self._inbox = SharedSlots.create(INBOX_BYTES, INBOX_SLOTS)
        descriptors = [one.descriptor for one in (self._slots, self._inbox) if one is not None]
        named = [str(one.descriptor if one else -1) for one in (self._slots, self._inbox)]
        self._process = subprocess.Popen(
            processes.python_command(ENTRY, str(limits.memory), *named, isolated=True),
            pass_fds=descriptors,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.file,
            bufsize=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        pipes.widen(self._stdout, PIPE_BYTES)
        self._reader = pipes.pipe_reader(self._stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, request: object) -> None:
        """Send a request. Raises DecoderDied."""
        try:
            self._stdin.write(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._death() from error

    def receive(self) -> Message:
        """The next message. Raises DecoderDied, after the process has ended."""
        deadline = time.monotonic() + self._limits.seconds
        kind, length = HEADER.unpack(self._read(HEADER.size, deadline))
        return Message(MessageKind(kind), self._read(length, deadline))

    def block_of(self, message: Message, *, bare_next: bool = False) -> BlockMessage:
        """The block of a message; its slot of shared memory is free for one more.

        That will be a bare one if `bare_next`.
        """
        received = message.block(self._slots)
        if message.kind is not MessageKind.BLOCK:
            with contextlib.suppress(OSError):  # a worker that died is noticed when it is read
                self._stdin.write(SLOT_FREE_BARE if bare_next else SLOT_FREE)
        return received

    @property
    def can_help(self) -> bool:
        """Whether notes can be asked for, INBOX_SLOTS at once."""
        return self._inbox is not None

    def ask(self, helper: str, samples: Samples, **values: float) -> None:
        """Ask a helper for notes about samples, which come as a message. Raises DecoderDied."""
        assert self._inbox is not None, "only a worker that can help is asked"
        data = np.ascontiguousarray(samples, np.float32).reshape(-1).view(np.uint8).data
        self._inbox.put(data)
        self.send({"help": helper, "bytes": len(data), "values": values})

    def fileno(self) -> int:
        """The descriptor on which messages come, for select."""
        return self._stdout.fileno()

    def _read(self, length: int, deadline: float) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            try:
                count = self._reader.read_into(view, deadline)
            except TimeoutError:
                self.kill()
                raise DecoderDied(
                    f"its decoder made no progress for {self._limits.seconds:g} seconds"
                ) from None
            if not count:
                raise self._death()
            view = view[count:]
        return data

    def _death(self) -> DecoderDied:
        """Wait for the process, and describe how it ended, in words that are in the JSON."""
        self._close_connections()
        code = self._process.wait()
        traceback = last_traceback(self._errors.read())
        self._errors.close()
        if code == OUT_OF_MEMORY:
            limit = self._limits.memory >> 20
            return DecoderDied(
                f"its decoder wanted more than the {limit} MB that one file may take"
            )
        if code < 0:
            return DecoderDied(f"its decoder crashed ({processes.signal_name(-code)})")
        if exception := exception_of(traceback):
            return DecoderDied(f"its decoder failed: {exception}", traceback)
        return DecoderDied(f"its decoder failed (exit code {code})")

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._close_connections()
        self._errors.close()
        self._process.wait()

    def end(self) -> None:
        """Make the process end, for a thread that may be reading from it: it sees its death."""
        self._process.kill()

    def _close_connections(self) -> None:
        self._stdin.close()
        self._stdout.close()
        for slots in (self._slots, self._inbox):
            if slots is not None:
                slots.close()


class DecoderPool:
    """Idle workers, ready for a file. May be used by many threads."""

    def __init__(self, limits: DecoderLimits) -> None:
        self.limits = limits
        self._idle: list[DecoderWorker] = []
        self._lock = threading.Lock()

    def warm_up(self, count: int, annotator: str = "") -> None:
        """Start workers until `count` are idle; doesn't wait for them to be ready.

        Those load what the `annotator` needs, too.
        """
        with self._lock:
            while len(self._idle) < count:
                self._idle.append(DecoderWorker(self.limits))
            for worker in self._idle if annotator else ():
                with contextlib.suppress(DecoderDied):
                    worker.send({"load": annotator})

    def take(self) -> DecoderWorker:
        """An idle worker, or a new one."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
        return DecoderWorker(self.limits)

    def give_back(self, worker: DecoderWorker) -> None:
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        """End all idle workers."""
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
    """A file that a worker has open.

    `on_notes` gets the notes of each block before the block comes, None for a bare one. Before each
    block that a worker begins, `wants_bare` is asked whether it shall be one.
    """

    def __init__(
        self,
        request: MediaRequest,
        pool: DecoderPool,
        on_notes: Callable[[Notes | None], object] = lambda _: None,
        wants_bare: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pool = pool
        self._on_notes = on_notes
        self._wants_bare = wants_bare
        self._name = request.name
        self._span = request.span
        self._worker: DecoderWorker | None = pool.take()
        try:
            self._worker.send(asdict(request))
            message = self._worker.receive()
        except DecoderDied as error:
            raise error.as_error(f"{request.name} can't be opened") from error
        except BaseException:
            self.close()
            raise
        self._raise_if_refused(message)
        super().__init__(*from_json(message.json))

    def __iter__(self) -> Iterator[Block]:
        coverage = Coverage()
        damaged = 0
        while self._worker is not None:
            try:
                message = self._worker.receive()
            except DecoderDied as error:
                self._worker = None
                self._lose_rest(error, coverage, damaged)
                return
            self._raise_if_refused(message)
            if message.kind is MessageKind.DONE:
                self.source, self.accounting, self.doubts = from_json(message.json)
                self._release()
                return
            if message.kind is MessageKind.NOTES:
                self._on_notes(message.notes)
                continue
            bare_next = message.kind is not MessageKind.BLOCK and self._wants_bare()
            block, damaged, notes = self._worker.block_of(message, bare_next=bare_next)
            self._on_notes(None if message.kind is MessageKind.BARE else notes)
            if not coverage.decoded:
                coverage.begin = block.start
            coverage.add(block.start, block.end)
            yield block

    def close(self) -> None:
        """Kill a worker that is in the middle of a file: it can't be interrupted."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def fileno(self) -> int | None:
        """The descriptor on which blocks come, for select; None once there are no more."""
        return None if self._worker is None else self._worker.fileno()

    def abandon(self) -> None:
        """Make a thread that reads the blocks come to their end at once."""
        worker = self._worker
        if worker is not None:
            worker.end()

    def _release(self) -> None:
        if self._worker is not None:
            self._pool.give_back(self._worker)
            self._worker = None

    def _raise_if_refused(self, message: Message) -> None:
        if message.kind is MessageKind.REFUSED:
            self._release()
            raise InputError(message.json["message"], hint=message.json["hint"])
        if message.kind is MessageKind.UNUSABLE:
            self._release()
            raise EngineUnavailable(message.json["message"], hint=message.json["hint"])

    def _lose_rest(self, error: DecoderDied, coverage: Coverage, damaged: int) -> None:
        """Account for a file whose worker died: everything after the last block is lost."""
        if not coverage.decoded:
            raise error.as_error(f"{self._name} can't be decoded") from error
        header = self.accounting
        until = header.expected_seconds or self.source.duration or 0.0
        if self._span.end is not None:
            until = min(until, self._span.end)
        # If the remaining length is unknown, at least the block being decoded is missing.
        coverage.lose_until(max(until, coverage.decoded_end + 1.0), str(error))
        self.accounting = coverage.account(
            header.expected_basis, damaged + 1, self._span.start, self._span.end
        )
        self.source = replace(self.source, duration=until or coverage.decoded_end)


def isolated_duration(path: Path, pool: DecoderPool) -> float | None:
    """The length that the header declares, read by a worker; None if it can't be read."""
    seconds = _probed({"probe": str(path.absolute())}, pool)
    return None if seconds is None else float(seconds)


def isolated_streams(path: Path, pool: DecoderPool) -> tuple[StreamInfo, ...]:
    """The audio streams of the file, read by a worker; none if it can't be read."""
    found = _probed({"probe_streams": str(path.absolute())}, pool)
    return tuple(StreamInfo(**one) for one in found or ())


def _probed(request: dict[str, str], pool: DecoderPool) -> Any:
    """A worker's answer to a question about a file; None if the file ends the worker."""
    worker = pool.take()
    try:
        worker.send(request)
        message = worker.receive()
    except DecoderDied:
        return None
    except BaseException:
        worker.kill()
        raise
    pool.give_back(worker)
    return message.json
