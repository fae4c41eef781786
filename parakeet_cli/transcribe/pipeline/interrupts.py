"""Defers Ctrl-C, SIGTERM and SIGHUP while something is done that must not be torn in two."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Timer
from types import FrameType

from parakeet_cli import console
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.processes import (
    TERMINATIONS,
    Terminated,
    handle_signals,
    raise_terminated,
    signal_name,
)

GRACE_SECONDS = 25.0  # SLURM and Kubernetes kill after 30


@dataclass(slots=True)
class DeferredInterrupt:
    """Which signal came during `defer_interrupts`, and when by `time.monotonic`."""

    number: int | None = None
    at: float = 0.0

    @property
    def pressed(self) -> bool:
        return self.number is not None

    @property
    def is_ctrl_c(self) -> bool:
        """Whether it was a person who wants an end now."""
        return self.number == signal.SIGINT

    def record(self, number: int, frame: FrameType | None = None) -> None:
        """Note the signal. Ctrl-C replaces another one; one that is repeated changes nothing."""
        if self.number is None or number == signal.SIGINT:
            self.number, self.at = number, time.monotonic()

    def raise_if_pressed(self) -> None:
        """Pass the signal that was deferred to its handler, which raises KeyboardInterrupt.

        Call it once everything is safe.
        """
        number, self.number = self.number, None
        if number is None:
            return
        handler = signal.getsignal(number)
        if callable(handler) and handler != self.record:
            handler(number, None)
            return
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


@contextmanager
def defer_interrupts() -> Iterator[DeferredInterrupt]:
    """Only record a Ctrl-C or a termination inside the block.

    What the process ignores, or what ends it at once, still does.
    """
    deferred = DeferredInterrupt()
    numbers = [number for number in TERMINATIONS if _is_ours(number)]
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    with handle_signals(deferred.record, *numbers):
        yield deferred


class GracefulStop:
    """Records a termination, and raises Terminated once `grace` seconds have passed since."""

    def __init__(self, grace: float) -> None:
        self.number: int | None = None  # the signal; nothing more is to be begun after it
        self.has_begun = True  # something that is worth the time
        self._grace = grace
        self._at = 0.0
        self._timer: Timer | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal handler."""
        if not self.has_begun:
            raise_terminated(number, frame)
        if self.number is None:
            self.number, self._at = number, time.monotonic()
            say_what_ends(number, self._grace)
            # The signal comes again when time is up, as the main thread alone can be stopped.
            self._timer = Timer(self._grace, os.kill, (os.getpid(), number))
            self._timer.daemon = True
            self._timer.start()
        elif time.monotonic() - self._at >= self._grace:
            raise_terminated(number, frame)

    def raise_if_asked(self) -> None:
        """Raise Terminated if the signal came."""
        if self.number is not None:
            raise Terminated(self.number)

    def cancel(self) -> None:
        """Let no signal come later."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def finish_within(grace: float) -> Iterator[GracefulStop]:
    """Record a termination inside the block, and raise Terminated `grace` seconds later.

    Ctrl-C is raised at once, as ever.
    """
    stop = GracefulStop(grace)
    numbers = [number for number in TERMINATIONS if _is_ours(number)]
    try:
        with handle_signals(stop.handle, *numbers):
            yield stop
    finally:
        stop.cancel()


def say_what_ends(number: int, grace: float) -> None:
    """Say that the batch ends, and how long that takes at the most."""
    console.info(f"{signal_name(number)}: what is in work has {grace:g} s to be finished.")


def _is_ours(number: int) -> bool:
    """Whether the process's end by that signal is ours to decide."""
    handler = signal.getsignal(number)
    owner = getattr(handler, "__self__", None)
    return handler is raise_terminated or isinstance(owner, GracefulStop | DeferredInterrupt)


class Cancellation:
    """Ends a batch from another thread: it raises the error that `cancel` is given."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._post: Callable[[Callable[[], object]], object] | None = None
        self._error: ParakeetError | None = None

    def attach(self, post: Callable[[Callable[[], object]], object]) -> None:
        """The batch has begun; `post` has a call made in its thread. Raises the error."""
        with self._lock:
            self._post = post
        self._raise()

    def cancel(self, error: ParakeetError) -> None:
        with self._lock:
            self._error = error
            post = self._post
        if post is not None:
            post(self._raise)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
