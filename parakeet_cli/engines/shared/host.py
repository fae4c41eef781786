"""Offers this process's engine to the user's other processes, on a socket."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared import protocol
from parakeet_cli.engines.shared.paths import EnginePaths
from parakeet_cli.engines.shared.protocol import InvalidMessage, Message
from parakeet_cli.engines.shared.request import EngineAccess, EngineRequest, EngineSetup
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.locks import LockHeld, lock_file
from parakeet_cli.system.safety.peer_user import peer_user

_CLIENTS = 32  # processes at a time
_OUTSTANDING = 256  # chunks of one process, in work or waiting
_HELLO_SECONDS = 10.0

_log = logging.getLogger(__name__)


class EngineHost:
    """Listens while it holds the lock; `offer` gives None where another process does.

    The engine needn't be made yet: who connects waits until it is.
    """

    def __init__(
        self, access: EngineAccess, setup: EngineSetup, paths: EnginePaths, lock: int
    ) -> None:
        self._access, self._setup, self._paths, self._lock = access, setup, paths, lock
        self._listener = socket.socket(socket.AF_UNIX)
        self._free = threading.BoundedSemaphore(_CLIENTS)
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._closed = False

    @classmethod
    def offer(
        cls, access: EngineAccess, setup: EngineSetup, paths: EnginePaths | None
    ) -> EngineHost | None:
        """Begin to listen, unless another process shares its engine already."""
        if paths is None:
            return None
        try:
            lock = lock_file(paths.lock, mode=0o600)
        except (LockHeld, OSError):
            return None
        host = cls(access, setup, paths, lock)
        try:
            host._listen()
        except OSError as error:
            _log.warning("The engine can't be shared at %s: %s.", paths.socket, error.strerror)
            host.close()
            return None
        return host

    def _listen(self) -> None:
        before = os.umask(0o177)  # 0600 from the first moment on
        try:
            self._paths.socket.unlink(missing_ok=True)  # of a process that has ended
            self._listener.bind(str(self._paths.socket))
        finally:
            os.umask(before)
        self._listener.listen(_CLIENTS)
        threading.Thread(target=self._accept, name="engine-host", daemon=True).start()

    def close(self) -> None:
        """Listen no more, and end the connections: their clients load an engine of their own."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()
        with contextlib.suppress(OSError):
            self._paths.socket.unlink(missing_ok=True)
        os.close(self._lock)  # before the clients are told, one of which takes it
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            if not self._free.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(
                target=self._serve, args=(connection,), name="engine-client", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._guard:
            self._connections.add(connection)
        try:
            with connection, contextlib.suppress(OSError, ParakeetError):
                if peer_user(connection) in (os.getuid(), None):
                    _Client(connection, self._access, self._setup).serve()
        finally:
            with self._guard:
                self._connections.discard(connection)
            self._free.release()


class _Client:
    """One process at the other end. When it leaves, what it asked for is dropped."""

    def __init__(self, connection: socket.socket, access: EngineAccess, setup: EngineSetup) -> None:
        self._connection, self._access, self._setup = connection, access, setup
        self._name = f"process-{connection.fileno()}-{id(connection):x}"
        self._outbox: SimpleQueue[Message | None] = SimpleQueue()
        self._jobs: set[str] = set()
        self._outstanding = 0
        self._handlers: dict[str, Callable[[Message, bytes], None]] = {
            "wait": self._wait,
            "transcribe": self._transcribe,
            "cancel": self._cancel,
        }

    def serve(self) -> None:
        """Answer until it leaves. Raises OSError, ParakeetError."""
        self._connection.settimeout(_HELLO_SECONDS)
        received = protocol.receive(self._connection)
        if received is None:
            return
        if not protocol.wants(received[0], self._setup):
            protocol.send(self._connection, {"type": "other"})
            return
        properties = self._access.wait_until_made()
        protocol.send(self._connection, protocol.welcome_message(properties))
        self._connection.settimeout(None)
        sender = threading.Thread(target=self._send, name="engine-answers", daemon=True)
        sender.start()
        try:
            while (received := protocol.receive(self._connection)) is not None:
                message, samples = received
                handle = self._handlers.get(str(message.get("type")))
                if handle is None:
                    raise InvalidMessage("A message has no known type.")
                handle(message, samples)
        finally:
            self._outbox.put(None)
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)  # ends what is being sent
            sender.join()  # before the connection is closed, whose number may be used again
            for job in self._jobs:
                self._access.cancel(job)

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._outbox.get()) is not None:
                protocol.send(self._connection, message)

    def _wait(self, message: Message, samples: bytes) -> None:
        def wait() -> None:
            try:
                where = self._access.wait_until_loaded()
                answer: Message = {"type": "loaded", "runs_on": where}
                properties = protocol.welcome_message(self._access.properties)["properties"]
                self._outbox.put({**answer, "properties": properties})
            except ParakeetError as error:
                self._outbox.put({**protocol.error_message(None, error), "type": "unusable"})

        threading.Thread(target=wait, name="engine-wait", daemon=True).start()

    def _transcribe(self, message: Message, samples: bytes) -> None:
        number, asked = protocol.read_request(message, samples)
        if self._outstanding >= _OUTSTANDING:
            raise InvalidMessage("Too many requests are waiting.")
        self._outstanding += 1
        job = f"{self._name}-{asked.job}"
        self._jobs.add(job)
        request = EngineRequest(
            asked.chunk, f"{self._name}-{asked.client}", job, asked.priority, asked.adjustment
        )

        def done(future: Future[ChunkResult]) -> None:
            self._outstanding -= 1
            error = future.exception()
            self._outbox.put(
                protocol.result_message(number, future.result())
                if error is None
                else protocol.error_message(number, error)
            )

        self._access.submit(request).add_done_callback(done)

    def _cancel(self, message: Message, samples: bytes) -> None:
        job = f"{self._name}-{message.get('job')}"
        self._jobs.discard(job)
        self._access.cancel(job)
