"""Remembers Ctrl-C, because some libraries turn KeyboardInterrupt into another exception.

An extension module that is interrupted during its import raises ImportError, or leaves a
module that lacks half of its names.

OpenBLAS, which numpy loads, sends its own process the same signal where it can start no thread:
that is an error of the system, and nobody's wish.

The flag is a property of the process, as the signal handler is.
"""

from __future__ import annotations

import _thread
import signal
from types import FrameType

_pressed = False


def watch() -> None:
    """Remember Ctrl-C from now on, and raise KeyboardInterrupt as Python does."""
    # Under nohup and in background jobs of a shell it is ignored, and stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _remember)


def was_pressed() -> bool:
    """Whether this process was interrupted at any time."""
    return _pressed


def _remember(number: int, frame: FrameType | None) -> None:
    global _pressed
    if _imports_numpy(frame):
        _thread.start_new_thread(_nothing, ())  # raises RuntimeError where none can be started
    _pressed = True
    raise KeyboardInterrupt


def _imports_numpy(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") == "numpy":
            return True
        frame = frame.f_back
    return False


def _nothing() -> None:
    pass
