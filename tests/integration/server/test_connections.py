"""Tests that connections without a whole request end, with uvicorn and real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from parakeet_cli.server.http import connections
from parakeet_cli.server.http.connections import TimedH11Protocol

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(4 * connections.HEAD_SECONDS)  # an answer may take longer than a head
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def _received(*parts: bytes) -> bytes:
    """What a client gets that sends these until the server ends the connection."""
    config = uvicorn.Config(_app, lifespan="off", log_config=None, http=TimedH11Protocol)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: TimedH11Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        got = b""
        for part in parts:
            writer.write(part)
            if part.endswith(b"\r\n\r\n"):
                got += await reader.readuntil(b"\r\n\r\n")
        got += await asyncio.wait_for(reader.read(), 20)
        writer.close()
    return got


@pytest.mark.parametrize(
    ("parts", "answers"),
    [
        ((b"",), 0),
        ((b"GET / HTTP/1.1\r\nHost: loc",), 0),
        ((_REQUEST, b"GET / HT"), 1),
        ((_REQUEST, _REQUEST, b"G"), 2),
    ],
)
def test_a_connection_ends_whose_request_does_not_come(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...], answers: int
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    assert asyncio.run(_received(*parts)).count(b"HTTP/1.1 204") == answers
