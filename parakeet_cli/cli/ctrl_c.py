"""Whether Ctrl-C was pressed, for when a library made another error of it.

An extension module that is interrupted while it is imported raises ImportError, or leaves a
module behind that lacks half of its names.
"""

from __future__ import annotations

import signal
from types import FrameType

_pressed = False


def watch() -> None:
    """Note Ctrl-C from now on, and raise KeyboardInterrupt as Python does by itself."""
    # Ignored, as nohup and a shell's background jobs have it, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def was_pressed() -> bool:
    """Whether this process was interrupted at any time."""
    return _pressed


def _note(number: int, frame: FrameType | None) -> None:
    global _pressed
    _pressed = True
    raise KeyboardInterrupt
