"""Ends connections on which no whole request comes, so that they don't hold the server's files."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0  # in which the head of a request must have come


class TimedH11Protocol(H11Protocol):
    """uvicorn's protocol, which by itself waits for ever for the head of a request.

    Connections between two requests are uvicorn's own affair, and so are those that have become
    WebSockets.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
