"""Uses the engine that another process of the user has loaded."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from threading import Lock, Thread

from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared import protocol
from parakeet_cli.engines.shared.paths import EnginePaths
from parakeet_cli.engines.shared.protocol import InvalidMessage, Message
from parakeet_cli.engines.shared.request import (
    EngineProperties,
    EngineRequest,
    EngineSetup,
    OwnerEnded,
    Waiting,
)
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.system.safety.peer_user import peer_user

_CONNECT_SECONDS = 5.0
_WELCOME_SECONDS = 120.0  # in which the other process makes its engine, which may have to be found


class RemoteEngine:
    """An `EngineAccess` at the other end of the user's socket.

    `on_loss` is called once, in another thread, when the other process has ended; what it had
    raises OwnerEnded.
    """

    def __init__(
        self, connection: socket.socket, properties: EngineProperties, on_loss: Callable[[], object]
    ) -> None:
        self._connection = connection
        self._properties = properties
        self._on_loss = on_loss
        self._numbers = count()
        self._lock = Lock()  # of what follows, and for sending
        self._waiting: dict[int, Waiting] = {}
        self._loaded: Future[str] = Future()
        self._lost = False
        self._closed = False
        Thread(target=self._receive, name="engine-remote", daemon=True).start()
        self._send({"type": "wait"})

    @classmethod
    def connect(
        cls,
        setup: EngineSetup,
        paths: EnginePaths | None,
        on_loss: Callable[[], object] = lambda: None,
    ) -> RemoteEngine | None:
        """The engine that another process shares, if it is that one; else None."""
        if paths is None:
            return None
        connection = socket.socket(socket.AF_UNIX)
        properties = None
        with contextlib.suppress(OSError, InvalidMessage):  # nobody shares one of this release
            properties = _introduce(connection, setup, paths)
        if properties is None:
            connection.close()
            return None
        return cls(connection, properties, on_loss)

    @property
    def properties(self) -> EngineProperties:
        return self._properties

    @property
    def in_hand(self) -> int:
        """Requests without a result."""
        return len(self._waiting)

    @property
    def is_lost(self) -> bool:
        return self._lost

    def wait_until_made(self) -> EngineProperties:
        return self._properties

    def wait_until_loaded(self) -> str:
        return self._loaded.result()

    def submit(self, request: EngineRequest) -> Future[ChunkResult]:
        waiting = Waiting(request)
        number = next(self._numbers)
        with self._lock:
            if self._lost:
                waiting.fail(OwnerEnded())
                return waiting.future
            self._waiting[number] = waiting
        self._send(*protocol.request_message(number, request))
        return waiting.future

    def cancel(self, job: str) -> None:
        self._send({"type": "cancel", "job": job})

    def close(self) -> None:
        """Leave the engine to the others."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self, message: Message, samples: bytes = b"") -> None:
        with self._lock, contextlib.suppress(OSError):  # its end is noticed by `_receive`
            protocol.send(self._connection, message, samples)

    def _receive(self) -> None:
        try:
            with contextlib.suppress(OSError, InvalidMessage):
                while (received := protocol.receive(self._connection)) is not None:
                    self._take(received[0])
        finally:  # also after a message that nothing here expects: nobody may wait for ever
            self._lose()

    def _lose(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # ends what is being sent
        with self._lock:
            self._lost = True
            left = list(self._waiting.values())
            self._waiting.clear()
            self._connection.close()
        if not self._loaded.done():
            self._loaded.set_exception(EngineUnavailable(str(OwnerEnded())))
        for waiting in left:
            waiting.fail(OwnerEnded())
        if not self._closed:
            self._on_loss()

    def _take(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "loaded":
            self._properties = protocol.read_properties(message)
            self._loaded.set_result(str(message.get("runs_on")))
        elif kind == "unusable":
            self._loaded.set_exception(protocol.read_error(message))
        else:
            # Read first: what can't be read leaves the request among those that wait.
            result = protocol.read_result(message) if kind == "result" else None
            with self._lock:
                waiting = self._waiting.pop(message.get("id", -1), None)
            if waiting is None:
                return
            if result is not None:
                waiting.succeed(result)
            else:
                waiting.fail(protocol.read_error(message))


def _introduce(
    connection: socket.socket, setup: EngineSetup, paths: EnginePaths
) -> EngineProperties | None:
    """Say which engine is wanted; its properties, if it is that one. Raises OSError."""
    connection.settimeout(_CONNECT_SECONDS)
    connection.connect(str(paths.socket))
    if peer_user(connection) not in (os.getuid(), None):
        return None
    protocol.send(connection, protocol.hello(setup))
    connection.settimeout(_WELCOME_SECONDS)
    received = protocol.receive(connection)
    if received is None or received[0].get("type") != "welcome":
        return None
    connection.settimeout(None)
    return protocol.read_properties(received[0])
