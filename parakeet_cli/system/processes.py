"""Starts child processes with our own modules, says how they ended, and handles signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

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


# The codes of exceptions that end a process there, such as 0xc0000005, an access violation:
# https://learn.microsoft.com/openspecs/windows_protocols/ms-erref (NTSTATUS, severity "error").
_CRASHED_ON_WINDOWS = 0xC0000000


def signal_name(number: int) -> str:
    """SIGKILL, or `signal 40` for one without a name, such as a real-time signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_in_words(returncode: int) -> str:
    """How a child ended, to follow its name: `ended with exit code 3`, `was ended by SIGKILL`."""
    if returncode >= _CRASHED_ON_WINDOWS:
        return f"crashed ({returncode:#010x})"
    if returncode < 0:
        return f"was ended by {signal_name(-returncode)}"
    return f"ended with exit code {returncode}"


def signal_group(process: subprocess.Popen[Any], name: str) -> None:
    """Send a signal, `SIGKILL` for instance, to a process and all that it started.

    Windows has neither groups nor these signals: there the process alone is ended.
    """
    if sys.platform == "win32":
        process.terminate()
        return
    # It has ended; or macOS refuses it for a group that has.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.Signals[name])


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own group or session, and all that it started; wait for it.

    What it started is killed even if it has ended itself, unless that was noticed before: from then
    on its number may be another process's.
    """
    if process.returncode is None:
        signal_group(process, "SIGKILL")
    if process.poll() is None:
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
