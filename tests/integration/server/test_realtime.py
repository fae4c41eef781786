"""Tests live speech, with OpenAI's own client and with bare WebSockets."""

from __future__ import annotations

import base64
import json
import os
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.dictate.desktop import until
from tests.integration.server.serving import ROOT, Server, serving

SPEECH = ROOT / "samples" / "sense_0880.wav"
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def pcm(*parts: np.ndarray[Any, Any]) -> Iterator[str]:
    """Sound at 16 kHz as a client sends it: 0.1 s a message, in base64."""
    data = (np.concatenate(parts) * 32767).astype("<i2").tobytes()
    for at in range(0, len(data), 3200):
        yield base64.b64encode(data[at : at + 3200]).decode()


def speech() -> np.ndarray[Any, Any]:
    with wave.open(str(SPEECH)) as file:
        assert file.getframerate() == 16000
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def silence(seconds: float) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(0, 1e-4, int(16000 * seconds))


def session(**more: object) -> dict[str, Any]:
    sound = {"format": {"type": "audio/pcm", "rate": 16000}, **more}
    return {"type": "transcription", "audio": {"input": sound}}


def opened(server: Server, **options: Any) -> ClientConnection:
    socket: ClientConnection = connect(
        f"ws{server.url.removeprefix('http')}/v1/realtime", **options
    )
    return socket


def tell(socket: ClientConnection, kind: str, **more: object) -> None:
    socket.send(json.dumps({"type": kind, **more}))


def events_until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    events = []
    while True:
        events.append(json.loads(socket.recv(60)))
        if events[-1]["type"] == kind:
            return events


def test_openais_client_gets_the_text_of_what_is_spoken(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session=session())  # type: ignore[arg-type]
        assert connection.recv().type == "session.updated"
        for part in pcm(silence(0.5), speech(), silence(1.5)):
            connection.input_audio_buffer.append(audio=part)
        kinds = []
        for event in connection:
            kinds.append(event.type)
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert event.transcript.startswith("This is a mock transcript")
                break
    assert kinds[0] == "input_audio_buffer.speech_started"
    assert [kind for kind in kinds if kind.startswith("input_audio_buffer")] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]


def test_a_client_that_ends_utterances_itself_gets_each_text(server: Server) -> None:
    with opened(server) as socket:
        tell(socket, "session.update", session=session(turn_detection=None))
        for seconds in (1.0, 40.0):
            for part in pcm(silence(seconds)):
                tell(socket, "input_audio_buffer.append", audio=part)
            tell(socket, "input_audio_buffer.commit")
            *_, committed, completed = events_until(socket, f"{TRANSCRIPTION}.completed")
            assert committed["type"] == "input_audio_buffer.committed"
            assert completed["item_id"] == committed["item_id"]
            text = f"This is a mock transcript of {seconds:.2f} seconds of audio."
            assert completed["transcript"] == text


def test_the_older_form_of_a_session_is_understood(server: Server) -> None:
    with opened(server) as socket:
        tell(
            socket,
            "transcription_session.update",
            session={
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1", "language": "de"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
            },
        )
        *_, updated = events_until(socket, "transcription_session.updated")
    sound = updated["session"]["audio"]["input"]
    assert sound["format"]["rate"] == 24000
    assert sound["transcription"]["language"] == "de"
    assert sound["transcription"]["model"] == "mock"
    assert sound["turn_detection"]["silence_duration_ms"] == 300


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"type": "response.create"}',
        '{"type": "input_audio_buffer.append"}',
        '{"type": "input_audio_buffer.append", "audio": "*"}',
        '{"type": "input_audio_buffer.append", "audio": "YQ=="}',
        '{"type": "session.update", "session": {"type": "realtime"}}',
        '{"type": "session.update", "session": {"audio": 1}}',
        '{"type": "session.update", "session": {"audio": {"input": {"format": {"rate": 1}}}}}',
        '{"type": "session.update", "session": {"turn_detection": {"silence_duration_ms": 1e9}}}',
        '{"type": "session.update", "session": {"input_audio_transcription": {"prompt": "A"}}}',
        '{"type": "session.update", "session": {"turn_detection": {"type": {}}}}',
        '{"type": "session.update",'
        ' "session": {"input_audio_transcription": {"prompt": "\\ud800"}}}',
        '{"type": "session.update",'
        ' "session": {"input_audio_transcription": {"language": "\\ud800"}}}',
        '{"type": "session.update", "session": {"input_audio_transcription": {"language": "e n"}}}',
    ],
)
def test_an_event_that_cannot_be_used_is_answered_and_the_session_goes_on(
    server: Server, text: str
) -> None:
    with opened(server) as socket:
        socket.send(text)
        *_, error = events_until(socket, "error")
        assert error["error"]["type"] == "invalid_request_error"
        tell(socket, "input_audio_buffer.clear")
        events_until(socket, "input_audio_buffer.cleared")


def test_a_client_that_leaves_ends_its_session(server: Server) -> None:
    for _ in range(3):
        with opened(server) as socket:
            for part in pcm(speech()):
                tell(socket, "input_audio_buffer.append", audio=part)
            socket.socket.close()
    assert until(lambda: server.metric("parakeet_chunks_waiting") == 0)
    assert server.get("/health").status_code == 200


def test_sessions_that_wait_for_the_engine_hold_up_neither_others_nor_the_end(
    tmp_path: Path,
) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    with serving(tmp_path, env=env) as server, ExitStack() as stack:
        sound = next(pcm(silence(0.1)))
        # More than asyncio has threads for what blocks.
        count = min(32, (os.cpu_count() or 1) + 4) + 2
        waiting = [stack.enter_context(opened(server)) for _ in range(count)]
        for socket in waiting:
            tell(socket, "session.update", session=session(turn_detection=None))
            for _ in range(50):
                tell(socket, "input_audio_buffer.append", audio=sound)
                tell(socket, "input_audio_buffer.commit")
        with opened(server) as socket:
            tell(socket, "input_audio_buffer.clear")
            events_until(socket, "input_audio_buffer.cleared")
        for socket in waiting[1:]:
            socket.socket.close()
        assert until(lambda: server.metric("parakeet_chunks_waiting") <= 2)  # of the one that stays
        assert server.end() == 0


def test_pages_of_other_sites_and_those_without_a_key_are_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    with serving(tmp_path, "--api-key", str(keys)) as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(InvalidStatus):
                opened(server, additional_headers=headers)
        key = {"Authorization": "Bearer secret"}
        with pytest.raises(InvalidStatus):
            opened(server, additional_headers=key, origin="https://evil.example")
        with opened(server, additional_headers=key) as socket:
            events_until(socket, "session.created")
        protocols = ["realtime", "openai-insecure-api-key.secret"]
        with opened(server, subprotocols=protocols) as socket:
            assert socket.subprotocol == "realtime"
            events_until(socket, "session.created")


def test_a_message_beyond_any_size_ends_the_connection(server: Server) -> None:
    with opened(server) as socket:
        events_until(socket, "session.created")
        with pytest.raises(ConnectionClosed):
            socket.send("x" * (3 << 20))
            socket.recv(30)
    assert server.get("/health").status_code == 200
