"""Maps a function over items in forked copies of this process, which share its memory."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NoReturn, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_in_processes(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`function` of each item, in their order: of the first in this process, the others in copies.

    A copy takes some milliseconds to start, and its result must be one that pickle can take. Where
    this process can't be copied safely (another system than Linux, other threads), or a copy
    fails, the work is done here.
    """
    if len(items) < 2 or sys.platform != "linux" or not is_single_threaded():
        return [function(item) for item in items]
    import pickle

    def pickled(item: T) -> bytes:
        return pickle.dumps(function(item))

    with ExitStack() as copies:
        others = [copies.enter_context(_Copy(pickled, item)) for item in items[1:]]
        results = [function(items[0])]
        for item, other in zip(items[1:], others, strict=True):
            answer = other.answer()
            results.append(function(item) if answer is None else pickle.loads(answer))
    return results


def is_single_threaded() -> bool:
    """Whether this process has one thread, those of extension modules included."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - hot
    except OSError:
        return False


class _Copy:
    """A copy of this process, which writes one answer to a pipe and ends."""

    def __init__(self, function: Callable[[T], bytes], item: T) -> None:
        self._reading, writing = os.pipe()
        try:
            self._process = os.fork()
        except OSError:  # this user may start no more processes
            self._process = -1
        if self._process == 0:
            _answer_and_end(writing, function, item)
        os.close(writing)

    def __enter__(self) -> _Copy:
        return self

    def answer(self) -> bytes | None:
        """What it wrote; None if it failed."""
        with open(self._reading, "rb", closefd=False) as stream:
            answer = stream.read()
        return answer if self._wait() else None

    def __exit__(self, *error: object) -> None:
        os.close(self._reading)
        if self._process > 0:  # the work was given up
            os.kill(self._process, signal.SIGKILL)
            self._wait()

    def _wait(self) -> bool:
        """Wait until it ends. Whether it did its work."""
        process, self._process = self._process, -1
        try:
            return process > 0 and os.waitpid(process, 0)[1] == 0
        except ChildProcessError:  # whoever started this process ignores how children end
            return False


def _answer_and_end(writing: int, function: Callable[[T], bytes], item: T) -> NoReturn:
    """In the copy: nothing of the original's may run, neither handlers nor what is buffered."""
    status = 1
    try:
        with open(writing, "wb") as stream:
            stream.write(function(item))
        status = 0
    finally:
        os._exit(status)
