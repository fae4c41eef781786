"""The warm process: requests from its owner, one at a time, and an end that loses nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from parakeet_cli.dictate.daemon import peer
from parakeet_cli.dictate.daemon.controllable import Controllable
from parakeet_cli.dictate.daemon.lock import Lock
from parakeet_cli.dictate.daemon.messages import Answer, decode_request, read_line
from parakeet_cli.dictate.daemon.paths import Paths
from parakeet_cli.errors import ParakeetError

_PATIENCE = 10.0  # seconds that a client may take for its line
_LOOK = 0.25  # seconds between two looks at the idle model and at the end

VERBS: Mapping[str, str] = {
    "start": "listen",
    "stop": "finish the words and insert them",
    "toggle": "the one of both that is next",
    "cancel": "stop listening and insert nothing more",
    "status": "say what it does",
    "quit": "stop, then end",
}


class Server:
    """One dictation and its socket; its lock is taken.

    `idle_unload`: seconds without listening after which the model is freed, None for never.
    """

    def __init__(
        self,
        controllable: Controllable,
        paths: Paths,
        lock: Lock,
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
        """Answer until `quit`, SIGTERM or SIGINT; what was said by then is inserted.

        `ready` is called when requests are answered; the lock is released at the end.
        """
        try:
            with self._listening() as listener, _signals(self._ending):
                ready()
                while not self._ending.is_set():
                    self._look_after_the_model()
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

    def handle(self, verb: str) -> Answer:
        """What a request does, for keys that are pressed here as well."""
        if verb not in VERBS:
            return Answer(False, error=f"There is no verb '{verb}'.")
        try:
            if verb != "status":
                with self._one_at_a_time:
                    self._last_use = self._clock()
                    self._do(verb)
                    self._last_use = self._clock()
        except ParakeetError as error:
            return Answer(False, self._state(), str(error), error.hint)
        return Answer(True, self._state())

    def _do(self, verb: str) -> None:
        listening = self._controllable.state().get("listening") is True
        if verb == "toggle":
            verb = "stop" if listening else "start"
        if verb == "start":
            if listening:
                raise ParakeetError(
                    f"A dictation is already running (process {os.getpid()}), and it listens.",
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
        # A client that has gone, or says nothing, is its own affair.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_PATIENCE)
            try:
                line = read_line(connection)
                if peer.user(connection) not in (os.getuid(), None):
                    raise ParakeetError("This dictation is another user's.")
                verb = decode_request(line)
            except ParakeetError as error:
                answer = Answer(False, error=str(error))
            else:
                answer = self.handle(verb)
            connection.sendall(answer.encode())

    def _look_after_the_model(self) -> None:
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
        # The lock is ours, so whoever made a socket that is there has ended.
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            before = os.umask(0o177)  # 0600 from the first moment on
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            listener.listen(8)
            listener.settimeout(_LOOK)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _signals(ending: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C as a wish to end, where signals can be had: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
