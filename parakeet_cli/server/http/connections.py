"""Bounds connections: how many there are, of one address too, and how long one may be idle.

Each takes one of the files that the process may open, which uploads and processes need, too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0  # in which the head of a request must have come
_LEAST = 16  # connections, however few files there may be
_MOST_OF_ONE = 1000  # connections of one address: far more than a proxy needs
_NETWORK_BITS = 64  # of an IPv6 address: one machine commonly has all addresses of that network
FULL = "The server has as many connections as it takes."
ADDRESS_FULL = "This address has as many connections as one address may have."


def most_connections() -> int:
    """Half of the files that this process may open."""
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(_LEAST, files // 2)


def most_of_one_address() -> int:
    """Half of all, so that there is room for others; behind a proxy all clients are one address."""
    return min(_MOST_OF_ONE, most_connections() // 2)


class Connections:
    """Those that are open, of every protocol. One thread alone uses it: the event loop's."""

    def __init__(self) -> None:
        self._open: list[tuple[Any, str]] = []  # sockets, each with where it comes from

    def add(self, transport: asyncio.BaseTransport) -> str | None:
        """Count a connection until its socket is closed; why it is refused, or None."""
        # Sockets are asked: a connection may become a WebSocket, and one that is closed still has
        # its file while its client reads nothing.
        self._open = [(one, place) for one, place in self._open if one.fileno() != -1]
        if len(self._open) >= most_connections():
            return FULL
        place = _place_of(transport.get_extra_info("peername"))
        if sum(one == place for _, one in self._open) >= most_of_one_address():
            return ADDRESS_FULL
        self._open.append((transport.get_extra_info("socket"), place))
        return None


def _place_of(peer: Any) -> str:
    """The address of a client, or its network where a machine has many of them."""
    try:
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except (TypeError, IndexError, ValueError):
        return ""  # it has left already
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
    return str(address)


def _refusal(reason: str) -> bytes:
    error = {"message": reason, "type": "server_error", "param": None, "code": "server_busy"}
    body = json.dumps({"error": error}).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class TimedH11Protocol(H11Protocol):
    """uvicorn's protocol, which by itself takes any number of connections and waits for ever.

    Connections between two requests are uvicorn's own affair, and so are those that have become
    WebSockets.
    """

    def __init__(self, *arguments: Any, open_connections: Connections, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open = open_connections
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if (reason := self._open.add(transport)) is not None:
            transport.write(_refusal(reason))
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
