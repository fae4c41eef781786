"""The daemon's server: it answers its owner's requests, and ends without losing text."""

from __future__ import annotations

import contextlib
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
from parakeet_cli.dictate.daemon.peer_user import peer_user
from parakeet_cli.dictate.daemon.protocol import Answer, decode_request, read_line
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.processes import handle_signals

_CLIENT_TIMEOUT = 10.0  # seconds that a client may take for its line
_TICK = 0.25  # seconds between two checks of the idle model and of the request to end

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
        self._last_use = clock()

    def serve(self, ready: Callable[[], None]) -> None:
        """Answer requests until `quit`, SIGTERM or SIGINT; speech up to then is still inserted.

        `ready` is called once requests are answered; the lock is released at the end.
        """
        try:
            with self._listening() as listener, handle_signals(self._end, *_END_SIGNALS):
                ready()
                while not self._ending.is_set():
                    self._unload_if_idle()
                    with contextlib.suppress(TimeoutError):
                        connection, _ = listener.accept()
                        threading.Thread(
                            target=self._serve_one, args=(connection,), daemon=True
                        ).start()
        finally:
            try:
                with self._one_at_a_time:
                    self._controllable.finish()
            finally:
                self._controllable.quit()
                self._lock.release()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending.set()

    def handle(self, verb: str) -> Answer:
        """Carry out a request from the socket, or from a key that is pressed here."""
        if verb not in VERBS:
            return Answer(False, error=f"There is no verb '{verb}'.")
        try:
            if verb != "status":
                with self._one_at_a_time:
                    self._last_use = self._clock()
                    self._run(verb)
                    self._last_use = self._clock()
        except ParakeetError as error:
            return Answer(False, self._state(), str(error), error.hint)
        return Answer(True, self._state())

    def _run(self, verb: str) -> None:
        listening = self._controllable.state().get("listening") is True
        if verb == "toggle":
            verb = "stop" if listening else "start"
        if verb == "start":
            if listening:
                raise ParakeetError(
                    f"A dictation is already running (process {os.getpid()}), and it is listening.",
                    hint="`parakeet dictate stop` finishes it, `parakeet dictate cancel` drops it.",
                )
            self._controllable.begin()
        elif verb == "cancel":
            self._controllable.discard()
        else:
            self._controllable.finish()
        if verb == "quit":
            self._ending.set()

    def _state(self) -> Mapping[str, object]:
        return {"running": True, "pid": os.getpid(), **self._controllable.state()}

    def _serve_one(self, connection: socket.socket) -> None:
        # A client that has gone or sends nothing is not the daemon's problem.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_CLIENT_TIMEOUT)
            try:
                line = read_line(connection)
                if peer_user(connection) not in (os.getuid(), None):
                    raise ParakeetError("This dictation belongs to another user.")
                verb = decode_request(line)
            except ParakeetError as error:
                answer = Answer(False, error=str(error))
            else:
                answer = self.handle(verb)
            connection.sendall(answer.encode())

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
        # This process holds the lock, so the process that left a socket has ended.
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            before = os.umask(0o177)  # 0600 from the first moment on
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            listener.listen(8)
            listener.settimeout(_TICK)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)
