"""Defers Ctrl-C while something is done that must not be torn in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class DeferredInterrupt:
    """Whether Ctrl-C was pressed during `defer_interrupts`."""

    pressed: bool = False

    def raise_if_pressed(self) -> None:
        """Raise the KeyboardInterrupt that was deferred. Call it once everything is safe."""
        if self.pressed:
            raise KeyboardInterrupt


@contextmanager
def defer_interrupts() -> Iterator[DeferredInterrupt]:
    """Only record a Ctrl-C inside the block; if the process ignores Ctrl-C, it still does."""
    deferred = DeferredInterrupt()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield deferred
        return

    def record(number: int, frame: FrameType | None) -> None:
        deferred.pressed = True

    before = signal.signal(signal.SIGINT, record)
    try:
        yield deferred
    finally:
        signal.signal(signal.SIGINT, before)
