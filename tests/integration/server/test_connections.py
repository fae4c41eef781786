"""Tests that connections without a whole request end, and that no address takes them all."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from parakeet_cli.server.http import connections
from parakeet_cli.server.http.connections import Connections, TimedH11Protocol
from tests.integration.dictate.desktop import until
from tests.integration.server.serving import Server, clip, mock_text, serving
from tests.integration.server.test_realtime import events_until, opened

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(4 * connections.HEAD_SECONDS)  # an answer may take longer than a head
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def _received(*parts: bytes) -> bytes:
    """What a client gets that sends these until the server ends the connection."""
    config = uvicorn.Config(_app, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: TimedH11Protocol(
            config=config, server_state=state, app_state={}, open_connections=Connections()
        ),
        "127.0.0.1",
        0,
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


_FILES = 160  # that the server may open: 80 connections, 40 of one address
_EACH = _FILES // 4


def _ask(server: Server, address: str, port: int | None = None) -> socket.socket:
    """A connection from that address of this machine, to Wyoming's port if it is given."""
    place = "127.0.0.1", port or int(server.url.rpartition(":")[2])
    connection = socket.create_connection(place, 30, (address, 0))
    connection.sendall(_REQUEST if port is None else b'{"type":"ping"}\n')
    return connection


def _answer(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:  # it was refused before its request was read
        return b""


def test_one_address_cannot_take_all_connections_of_any_protocol(tmp_path: Path) -> None:
    with serving(tmp_path, "--wyoming", "127.0.0.1:0") as server, ExitStack() as stack:
        wyoming = server.wyoming
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (_FILES, _FILES))
        sockets = [stack.enter_context(opened(server)) for _ in range(3)]
        for one in sockets:
            events_until(one, "session.created")
        held = [stack.enter_context(_ask(server, "127.0.0.1", wyoming)) for _ in range(3)]
        assert all(b"pong" in _answer(one) for one in held)
        held = [stack.enter_context(_ask(server, "127.0.0.1")) for _ in range(_EACH - 6)]
        assert all(b" 200 " in _answer(one) for one in held)
        with _ask(server, "127.0.0.1") as more:
            assert b" 200 " not in _answer(more)
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as more:
            refused = _answer(more)  # which reads before it asks
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in refused
        error = json.loads(refused.partition(b"\r\n\r\n")[2])["error"]
        assert error["message"] == connections.ADDRESS_FULL
        assert wyoming is not None
        with socket.create_connection(("127.0.0.1", wyoming), 30) as more:
            assert connections.ADDRESS_FULL.encode() in more.makefile("rb").read()
        with _ask(server, "127.0.0.2") as other:
            assert b" 200 " in _answer(other)
        held[0].close()
        held[1].close()
        assert until(lambda: b" 200 " in _answer(stack.enter_context(_ask(server, "127.0.0.1"))))
        held[2].close()
        sockets[0].close()
        assert until(lambda: server.get("/health").status_code == 200)
        assert server.post(clip()).json()["text"] == mock_text(1.0)


@pytest.mark.parametrize(
    ("peer", "same"),
    [
        (("::ffff:10.0.0.1", 1, 0, 0), ("10.0.0.1", 2)),
        (("2001:db8::1", 1, 0, 0), ("2001:db8::ffff:2", 2, 0, 0)),
        (("fe80::1%eth0", 1, 0, 2), ("fe80::2%eth0", 2, 0, 2)),
    ],
)
def test_the_addresses_of_one_machine_are_one(peer: Any, same: Any) -> None:
    assert connections._place_of(peer) == connections._place_of(same)
    assert connections._place_of(peer) != connections._place_of(("10.0.0.2", 1))
