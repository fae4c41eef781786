"""Reads a child's pipe with a deadline: by select, or by a thread where select takes no pipes."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections import deque
from typing import IO, Protocol

_BLOCK = 1 << 16  # bytes that the thread reads at once
_MOST_BLOCKS = 64  # read ahead; the child waits while its parent doesn't take them


class PipeReader(Protocol):
    """Reads from one pipe. For one thread at a time."""

    def read_into(self, view: memoryview, deadline: float) -> int:
        """Bytes read into the view, 0 at the end of the pipe.

        Raises TimeoutError if nothing has come by `deadline`, in seconds of the monotonic clock.
        """


def pipe_reader(stream: IO[bytes]) -> PipeReader:
    """A reader of this stream, which has no buffer."""
    return _ThreadReader(stream) if sys.platform == "win32" else _SelectReader(stream)


def widen(stream: IO[bytes], size: int) -> None:
    """Have the pipe hold `size` bytes, where the system can: Linux, within a user's limit."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    command = getattr(fcntl, "F_SETPIPE_SZ", None)
    if command is not None:
        with contextlib.suppress(OSError):  # a user's pipes have a total limit
            fcntl.fcntl(stream, command, size)


class _SelectReader:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read_into(self, view: memoryview, deadline: float) -> int:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._stream], [], [], left)[0]:
            raise TimeoutError
        return os.readv(self._stream.fileno(), [view])


class _ThreadReader:
    """Windows can't wait for a pipe and a deadline at once, so a thread waits for the pipe."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._blocks: deque[memoryview] = deque()
        self._ended = False
        self._changed = threading.Condition()
        # A daemon: it ends with the child, whose end of the pipe is then closed.
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[bytes]) -> None:
        data = b"begun"
        while data:
            try:
                data = os.read(stream.fileno(), _BLOCK)
            except (OSError, ValueError):  # closed, because the child was given up
                data = b""
            with self._changed:
                self._changed.wait_for(lambda: len(self._blocks) < _MOST_BLOCKS)
                if data:
                    self._blocks.append(memoryview(data))
                else:
                    self._ended = True
                self._changed.notify_all()

    def read_into(self, view: memoryview, deadline: float) -> int:
        with self._changed:
            left = max(0.0, deadline - time.monotonic())
            if not self._changed.wait_for(lambda: self._blocks or self._ended, left):
                raise TimeoutError
            if not self._blocks:
                return 0
            block = self._blocks.popleft()
            count = min(len(block), len(view))
            view[:count] = block[:count]
            if count < len(block):
                self._blocks.appendleft(block[count:])
            self._changed.notify_all()
            return count
