"""Ctrl-C that waits for what must not be torn in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class DeferredInterrupt:
    """Whether Ctrl-C was pressed; whoever held it raises KeyboardInterrupt when all is safe."""

    pressed: bool = False

    def release(self) -> None:
        if self.pressed:
            raise KeyboardInterrupt


@contextmanager
def defer_interrupts() -> Iterator[DeferredInterrupt]:
    """A Ctrl-C inside the block is only noted; where it is ignored, it still is."""
    held = DeferredInterrupt()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield held
        return

    def note(number: int, frame: FrameType | None) -> None:
        held.pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
