"""The daemon's server: it answers its owner's requests, and ends without losing text."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from parakeet_cli.dictate.daemon.controllable import Controllable
from parakeet_cli.dictate.daemon.lock import DaemonLock
from parakeet_cli.dictate.daemon.paths import DaemonPaths
from parakeet_cli.dictate.daemon.protocol import Answer, decode_request, read_line
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.processes import handle_signals
from parakeet_cli.system.safety.peer_user import peer_user

_CLIENT_TIMEOUT = 10.0  # seconds that a client may take for its line, and for the answer
_CLIENTS = 32  # served at a time; each has a thread
_WAITING = 128  # connected and not accepted yet; the kernel refuses those beyond
_TICK = 0.25  # seconds between two checks of the idle model and of the request to end

_log = logging.getLogger(__name__)

_END_SIGNALS = (signal.SIGTERM, signal.SIGINT)

VERBS = frozenset(
    {
        "start",  # listen
        "stop",  # finish the last words and insert them
        "toggle",  # start or stop, whichever is next
        "cancel",  # stop listening and insert nothing more
        "status",  # report the state
        "quit",  # stop, then end the process
    }
)


class Server:
    """Serves one dictation on a socket, while it holds the daemon's lock.

    The model is freed after `idle_unload` seconds without listening; None is never.
    """

    def __init__(
        self,
        controllable: Controllable,
        paths: DaemonPaths,
        lock: DaemonLock,
        *,
        idle_unload: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._controllable = controllable
        self._paths = paths
        self._idle_unload = idle_unload
        self._clock = clock
        self._lock = lock
        self._one_at_a_time = threading.Lock()
        self._ending = threading.Event()
        self._free = threading.BoundedSemaphore(_CLIENTS)
        self._last_use = clock()

    def serve(self, ready: Callable[[], None]) -> None:
        """Answer requests until `quit`, SIGTERM or SIGINT; speech up to then is still inserted.

        `ready` is called once requests are answered; the lock is released at the end.
        """
        try:
            with self._listening() as listener, handle_signals(self._end, *_END_SIGNALS):
                ready()
                while not self._ending.is_set():
                    self._controllable.check()
                    self._unload_if_idle()
                    self._accept(listener)
        finally:
            try:
                with self._one_at_a_time:
                    self._controllable.finish()
            finally:
                self._controllable.quit()
                self._lock.release()

    def _accept(self, listener: socket.socket) -> None:
        """Serve the next client, if one comes; nothing that a client does ends the daemon."""
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        except OSError as error:  # no descriptor is free; the client waits until one is
            _log.warning("A request can't be accepted: %s.", error.strerror)
            self._ending.wait(_TICK)
            return
        if not self._free.acquire(blocking=False):
            with connection, contextlib.suppress(OSError):
                connection.setblocking(False)
                connection.sendall(Answer(False, error="Too many requests are waiting.").encode())
            return
        try:
            threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()
        except RuntimeError as error:  # the user may start no more threads
            _log.warning("A request can't be served: %s.", error)
            connection.close()
            self._free.release()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending.set()

    def handle(self, verb: str, profile: str | None = None) -> Answer:
        """Carry out a request from the socket, or from a key that is pressed here."""
        if verb not in VERBS:
            return Answer(False, error=f"There is no verb '{verb}'.")
        try:
            if verb != "status":
                with self._one_at_a_time:
                    self._last_use = self._clock()
                    self._run(verb, profile)
                    self._last_use = self._clock()
        except ParakeetError as error:
            return Answer(False, self._state(), str(error), error.hint)
        return Answer(True, self._state())

    def _run(self, verb: str, profile: str | None) -> None:
        listening = self._controllable.state().get("listening") is True
        if verb == "toggle":
            verb = "stop" if listening else "start"
        if verb == "start":
            if listening:
                raise ParakeetError(
                    f"A dictation is already running (process {os.getpid()}), and it is listening.",
                    hint="`parakeet dictate stop` finishes it, `parakeet dictate cancel` drops it.",
                )
            self._controllable.begin(profile)
        elif verb == "cancel":
            self._controllable.discard()
        else:
            self._controllable.finish()
        if verb == "quit":
            self._ending.set()

    def _state(self) -> Mapping[str, object]:
        return {"running": True, "pid": os.getpid(), **self._controllable.state()}

    def _serve_one(self, connection: socket.socket) -> None:
        # A client that has gone, sends nothing or reads nothing is not the daemon's problem.
        try:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_CLIENT_TIMEOUT)
                connection.sendall(self._answer(connection).encode())
        finally:
            self._free.release()

    def _answer(self, connection: socket.socket) -> Answer:
        try:
            if peer_user(connection) not in (os.getuid(), None):
                raise ParakeetError("This dictation belongs to another user.")
            verb, profile = decode_request(read_line(connection, seconds=_CLIENT_TIMEOUT))
        except ParakeetError as error:
            return Answer(False, error=str(error))
        answer = self.handle(verb, profile)
        connection.settimeout(_CLIENT_TIMEOUT)
        return answer

    def _unload_if_idle(self) -> None:
        state = self._controllable.state()
        if state.get("listening") is True:
            self._last_use = self._clock()
        elif (
            self._idle_unload is not None
            and state.get("loaded") is True
            and self._clock() - self._last_use >= self._idle_unload
            and self._one_at_a_time.acquire(blocking=False)
        ):
            try:
                self._controllable.unload()
            finally:
                self._one_at_a_time.release()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        path = self._paths.socket
        with socket.socket(socket.AF_UNIX) as listener:
            before = os.umask(0o177)  # 0600 from the first moment on
            try:
                # This process holds the lock, so the process that left a socket has ended.
                path.unlink(missing_ok=True)
                listener.bind(str(path))
            except OSError as error:
                raise ParakeetError(
                    f"{path} can't be made: {error.strerror}.",
                    hint="Remove what is there, then run this again.",
                ) from error
            finally:
                os.umask(before)
            listener.listen(_WAITING)
            listener.settimeout(_TICK)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)
