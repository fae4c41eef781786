"""Tests Wyoming with the client of Home Assistant's own package."""

from __future__ import annotations

import asyncio
import io
import json
import resource
import socket
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong

from tests.integration.dictate.desktop import until
from tests.integration.server.serving import Server, clip, mock_text, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("wyoming"), "--wyoming", "127.0.0.1:0") as running:
        yield running


def answers(server: Server, *events: Event, count: int = 1) -> list[Event | None]:
    """What the server sends for these."""

    async def ask() -> list[Event | None]:
        assert server.wyoming is not None
        async with AsyncTcpClient("127.0.0.1", server.wyoming) as client:
            for event in events:
                await client.write_event(event)
            return [await client.read_event() for _ in range(count)]

    return asyncio.run(ask())


def recording(seconds: float, language: str | None = None) -> list[Event]:
    """The events of a recording, as Home Assistant sends them."""
    with wave.open(io.BytesIO(clip(seconds))) as file:
        frames = file.readframes(file.getnframes())
    parts = [frames[at : at + 3200] for at in range(0, len(frames), 3200)]
    return [
        Transcribe(language=language).event(),
        AudioStart(16000, 2, 1).event(),
        *(AudioChunk(16000, 2, 1, part).event() for part in parts),
        AudioStop().event(),
    ]


def test_it_describes_the_model_that_is_loaded(server: Server) -> None:
    (event,) = answers(server, Describe().event())
    assert event is not None
    (program,) = Info.from_event(event).asr
    assert program.installed
    assert [model.name for model in program.models] == ["mock"]
    assert program.models[0].languages == ["en"]


def test_a_recording_becomes_text(server: Server) -> None:
    (event,) = answers(server, *recording(1.5))
    assert event is not None
    assert Transcript.from_event(event).text == mock_text(1.5)
    assert server.left_behind == []


def test_a_connection_serves_one_recording_after_the_other(server: Server) -> None:
    first, second, third = answers(
        server, *recording(1.0, "de-DE"), Ping("still there").event(), *recording(2.0), count=3
    )
    assert first is not None
    assert second is not None
    assert third is not None
    assert Transcript.from_event(first) == Transcript(mock_text(1.0), language="de")
    assert Pong.is_type(second.type)
    assert Transcript.from_event(third).text == mock_text(2.0)


@pytest.mark.parametrize(
    "event",
    [
        AudioStart(1, 2, 1).event(),
        AudioStart(16000, 99, 1).event(),
        AudioStop().event(),
        Event("audio-start", {"rate": "fast"}),
        Event("audio-start", {"rate": 16000, "width": 2.0, "channels": 1}),
        Event("audio-start", {"rate": 16000, "width": 2, "channels": True}),
        AudioChunk(16000, 2, 1, b"ab").event(),
    ],
)
def test_what_cannot_be_used_is_answered_with_the_reason(server: Server, event: Event) -> None:
    (answer,) = answers(server, event)
    assert answer is not None
    assert Error.is_type(answer.type)
    assert server.left_behind == []


@pytest.mark.parametrize(
    "data",
    [
        b"no json\n",
        b"[]\n",
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
        b'{"type": "audio-chunk", "payload_length": -1}\n',
        b'{"type": "audio-chunk", "data_length": "many"}\n',
        b'{"type": "describe", "data": []}\n' * 2,
        b"x" * 200_000,
        b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n{"ty',
    ],
)
def test_damaged_events_end_the_connection_and_nothing_else(server: Server, data: bytes) -> None:
    assert server.wyoming is not None
    with socket.create_connection(("127.0.0.1", server.wyoming), timeout=30) as connection:
        # What it didn't read is thrown away, with a reset.
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while connection.recv(65536):
                continue
    assert until(lambda: server.left_behind == [])
    (event,) = answers(server, *recording(1.0))
    assert event is not None
    assert Transcript.from_event(event).text == mock_text(1.0)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type": "ping", "data": {"text": "\\ud800"}}\n',
        b'{"type": "transcribe", "data": {"language": 5}}\n'
        b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n',
        b'{"type": "transcribe", "data": {"language": "\\ud800"}}\n'
        b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n',
    ],
)
def test_a_text_that_cannot_be_used_is_answered_with_an_error(server: Server, data: bytes) -> None:
    assert server.wyoming is not None
    with socket.create_connection(("127.0.0.1", server.wyoming), timeout=30) as connection:
        connection.sendall(data)
        assert json.loads(connection.makefile().readline())["type"] == "error"


def test_a_client_that_leaves_while_its_recording_is_transcribed_takes_it_along(
    tmp_path: Path,
) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    with serving(tmp_path, "--wyoming", "127.0.0.1:0", env=env) as server:
        assert server.wyoming is not None

        async def leave() -> None:
            client = AsyncTcpClient("127.0.0.1", server.wyoming or 0)
            async with client:
                for event in recording(1.0):
                    await client.write_event(event)
                while not server.metric("parakeet_chunks_in_hand"):
                    await asyncio.sleep(0.05)

        asyncio.run(leave())
        assert until(lambda: server.metric("parakeet_requests_running") == 0)
        assert until(lambda: server.left_behind == [])


def test_a_recording_that_breaks_off_leaves_nothing_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path, "--wyoming", "127.0.0.1:0") as server:
        before = len(server.lines)
        for count in range(1, 4):
            answers(server, *recording(1.0)[: 1 + count], count=0)
        assert until(lambda: server.left_behind == [])
        assert server.end() == 0
        said = "".join(server.lines[before:])
        assert "Traceback" not in said
        assert "Exception" not in said


def test_a_recording_for_which_there_is_no_room_is_answered_with_the_reason(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "--wyoming", "127.0.0.1:0") as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
        (answer,) = answers(server, *recording(1.0))
        assert answer is not None
        assert "can't be written to the disk" in Error.from_event(answer).text
        assert server.left_behind == []
