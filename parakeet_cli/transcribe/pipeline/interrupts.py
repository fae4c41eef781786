"""Defers Ctrl-C while something is done that must not be torn in two."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from parakeet_cli.system.processes import handle_signals


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
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield deferred
        return

    def record(number: int, frame: FrameType | None) -> None:
        deferred.pressed = True

    with handle_signals(record, signal.SIGINT):
        yield deferred
