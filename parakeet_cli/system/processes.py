"""Starts child processes with our own modules, says how they ended, and handles signals.

Work can be shared with copies of this process, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_ROOT = Path(__file__).resolve().parents[2]  # the folder that holds the package


def python_command(code: str, *arguments: str, isolated: bool = False) -> list[str]:
    """A command that runs `code` in this Python with the modules that this process would import.

    The working folder and the environment don't change that. `isolated` skips site-packages'
    start-up files and the user's own, which a short-lived child doesn't need.
    """
    paths = [str(_ROOT), *filter(None, sys.path)]
    flags = ["-I", "-S"] if isolated else []
    return [
        sys.executable,
        *flags,
        "-c",
        f"import sys; sys.path[:] = {paths!r}; {code}",
        *arguments,
    ]


def parakeet_command(*arguments: str) -> list[str]:
    """The command `parakeet ARGUMENTS`, with the modules that this process would import.

    `python -m parakeet_cli` would take a package of that name in the working folder.
    """
    return python_command("from parakeet_cli.__main__ import main; main()", *arguments)


def signal_name(number: int) -> str:
    """SIGKILL, or `signal 40` for one without a name, such as a real-time signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_in_words(returncode: int) -> str:
    """How a child ended, to follow its name: `ended with exit code 3`, `was ended by SIGKILL`."""
    if returncode < 0:
        return f"was ended by {signal_name(-returncode)}"
    return f"ended with exit code {returncode}"


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own group or session, and all that it started; wait for it."""
    if process.poll() is None:
        if sys.platform != "win32":
            with suppress(ProcessLookupError):  # it ended in the meantime
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.wait()


# How systems end a process: SLURM, docker stop and spot machines send the first, a closed terminal
# the second, which Windows lacks.
TERMINATIONS: tuple[int, ...] = (
    signal.SIGTERM,
    *((signal.SIGHUP,) if sys.platform != "win32" else ()),
)


_received: int | None = None  # of these, as the handlers are: a property of the process


class Terminated(KeyboardInterrupt):
    """The process was told to end by the signal `number`; its exit code is 128 more."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_terminated(number: int, frame: FrameType | None) -> None:
    """A signal handler. Raises Terminated, which some libraries turn into another exception."""
    global _received
    _received = number
    raise Terminated(number)


def received_termination() -> int | None:
    """The signal that told this process to end, if one did."""
    return _received


def raise_on_termination() -> None:
    """Raise Terminated in the main thread when the process is told to end.

    A signal that is ignored, as under nohup, or that somebody else handles stays as it is.
    """
    for number in TERMINATIONS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, raise_terminated)


def leave_signals_to_the_parent() -> None:
    """Ignore Ctrl-C and what tells a process to end: a batch system sends it to every process.

    The parent deals with it, and ends this process when its work is done or its time is up.
    """
    for number in (signal.SIGINT, *TERMINATIONS):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def handle_signals(
    handler: Callable[[int, FrameType | None], object] | signal.Handlers, *numbers: int
) -> Iterator[None]:
    """Handle these signals while the block runs; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


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
