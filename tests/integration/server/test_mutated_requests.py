"""Sends requests that are damaged in every way, and connections that break off: nothing hangs."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.dictate.desktop import until
from tests.integration.server.serving import Server, clip, mock_text, serving

SEED = 20261128
WAITING = 60  # seconds, after which a connection counts as one that hangs
MUTATIONS, CUTS = 1000, 200
SEEDS_OF_SOAK = range(20)
_FIELDS = (b"model", b"language", b"response_format", b"stream", b"timestamp_granularities[]")
_VALUES = (
    b"whisper-1",
    b"en",
    b"verbose_json",
    b"true",
    b"word",
    b"",
    b"\x00",
    b"\xff\xfe",
    b"1e999",
)
_INSERTED = (b"\r\n", b"--xyz", b"--xyz--\r\n", b'"', b"%00", b"../")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("mutated")) as running:
        yield running


def request(chance: random.Random) -> bytes:
    """A request for a text, with some fields."""
    parts = [
        b'--xyz\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (chance.choice(_FIELDS), chance.choice(_VALUES))
        for _ in range(chance.randrange(4))
    ]
    parts.insert(
        chance.randrange(len(parts) + 1),
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + clip(0.1) + b"\r\n",
    )
    body = b"".join(parts) + b"--xyz--\r\n"
    route = chance.choice((b"transcriptions", b"translations"))
    return (
        b"POST /v1/audio/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: %d\r\n\r\n"
        % (route, len(body))
    ) + body


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four of their places changed, cut out, doubled or filled."""
    changed = bytearray(data)
    end = len(data) if chance.random() < 0.3 else min(len(data), 600)  # mostly in the headers
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(end)
        length = chance.choice((1, 1, 2, 8, 100))
        kind = chance.randrange(5)
        if kind == 0:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length]
        elif kind == 3:
            changed[at:at] = chance.randbytes(length)
        else:
            changed[at:at] = chance.choice(_INSERTED)
    return bytes(changed)


def status_of(server: Server, data: bytes) -> int | None:
    """The status of the answer; None if the server ends the connection without one."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=WAITING) as connection:
        received = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except (ConnectionResetError, BrokenPipeError):
            pass  # it was refused before it was read
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else None


def cut(server: Server, data: bytes, chance: random.Random) -> None:
    """Send a part of the request and leave, before the answer or in it."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=WAITING) as connection:
        connection.sendall(data[: chance.randint(0, len(data))])
        if chance.random() < 0.5:  # with a reset, as when a machine is gone
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def try_all(server: Server, seed: int) -> set[int | None]:
    """The statuses that were seen."""
    chance = random.Random(seed)
    damaged = [mutated(request(chance), chance) for _ in range(MUTATIONS)]
    broken = [(request(chance), random.Random(chance.random())) for _ in range(CUTS)]
    with ThreadPoolExecutor(4) as pool:
        left = [pool.submit(cut, server, *one) for one in broken]
        statuses = set(pool.map(lambda data: status_of(server, data), damaged))
        for one in left:
            one.result()
    return statuses


def check_health(server: Server) -> None:
    assert until(lambda: server.left_behind == [])
    assert until(lambda: server.metric("parakeet_requests_running") == 0)
    assert server.metric("parakeet_requests_waiting") == 0
    assert server.post(clip()).json()["text"] == mock_text(1.0)
    assert "Traceback" not in "".join(server.lines)


def test_damaged_requests_and_cut_connections_leave_nothing_behind(server: Server) -> None:
    statuses = try_all(server, SEED)
    assert 400 in statuses
    assert 500 not in statuses
    check_health(server)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS_OF_SOAK)
def test_the_same_with_other_damage(server: Server, seed: int) -> None:
    assert 500 not in try_all(server, seed)
    check_health(server)
