"""Bounds connections: how many there are, and how long one may be without a request.

Each takes one of the files that the process may open, which uploads and processes need, too.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0  # in which the head of a request must have come
_LEAST = 16  # connections, however few files there may be
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


def most_connections() -> int:
    """Half of the files that this process may open."""
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(_LEAST, files // 2)


class TimedH11Protocol(H11Protocol):
    """uvicorn's protocol, which by itself takes any number of connections and waits for ever.

    Connections between two requests are uvicorn's own affair, and so are those that have become
    WebSockets.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.write(_FULL)
            transport.close()
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        """Count from the first byte that belongs to no request yet; stop once there is one."""
        if not self._lacks_head:
            self._stop_waiting()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self._lacks_head:
            self.transport.close()

    @property
    def _lacks_head(self) -> bool:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return False  # it ends, or has become a WebSocket
        return self.cycle is None or self.cycle.response_complete
