from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.workers import ray
from parakeet_cli.transcribe.workers.ray import ActorLayout

CPU_NODES = [{"CPU": 8.0}, {"CPU": 4.0}]
GPU_NODES = [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0}]


@pytest.mark.parametrize(
    ("nodes", "count", "threads", "gpu", "layout"),
    [
        (CPU_NODES, None, None, False, ActorLayout(3, 4, 0.0)),
        (CPU_NODES, 1, None, False, ActorLayout(1, 8, 0.0)),  # no more than one node has
        (CPU_NODES, 4, 4, False, ActorLayout(4, 1, 0.0)),
        (GPU_NODES, None, None, True, ActorLayout(2, 12, 1.0)),
        (GPU_NODES, 4, None, True, ActorLayout(4, 6, 0.5)),
        (GPU_NODES, 1, None, True, ActorLayout(1, 16, 1.0)),
        (GPU_NODES, None, None, False, ActorLayout(6, 4, 0.0)),
        ([], None, None, True, ActorLayout(1, 1, 0.0)),
    ],
)
def test_actors_share_the_cores_and_gpus_of_the_nodes(
    nodes: list[dict[str, float]],
    count: int | None,
    threads: int | None,
    gpu: bool,
    layout: ActorLayout,
) -> None:
    assert ActorLayout.of(nodes, count, EngineOptions(threads=threads), gpu=gpu) == layout


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """The address of a server that answers a greeting with some bytes; None: with nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                if answer is None:
                    connection.recv(100)  # until the other side has enough
                else:
                    connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "can't be used: nothing answers there."),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "something else than Ray listens there."),
        (b"", "something else than Ray listens there."),
    ],
)
def test_an_address_at_which_there_is_no_ray_is_refused_before_ray_is_loaded(
    answer: bytes | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "_ANSWER_SECONDS", 0.2)
    with listening(answer) as address, pytest.raises(UsageError, match=message):
        ray.connect(address)


def test_a_server_that_speaks_http_2_may_be_ray() -> None:
    with listening(b"\0\0\0\4\0\0\0\0\0") as address:
        ray._check_port(address)
        ray._check_port("auto")
