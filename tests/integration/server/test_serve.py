"""Tests that the server loses nothing, leaves nothing behind, and survives its clients."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.cli.running import parakeet
from tests.integration.dictate.desktop import until
from tests.integration.server.serving import Server, clip, mock_text, serving

_HEAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000\r\n\r\n"
)
_BEGUN = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'


def test_curl_gets_the_text(server: Server, tmp_path: Path) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(clip(2.0))
    done = subprocess.run(
        [
            *("curl", "--silent", "--fail", "-F", f"file=@{recording}", "-F", "model=whisper-1"),
            *("-F", "response_format=text", f"{server.url}/v1/audio/transcriptions"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == mock_text(2.0) + "\n"


def test_health_says_which_engine_is_ready(server: Server) -> None:
    answer = server.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["engine"] == "mock"


def test_nothing_of_an_upload_is_left(server: Server) -> None:
    assert server.post(clip()).status_code == 200
    assert server.post(b"no sound").status_code == 400
    assert server.left_behind == []


def test_what_is_lost_is_said_in_the_answer(server: Server) -> None:
    cut = clip(3.0)[:-32000]
    answer = server.post(cut)
    assert answer.json()["status"] == "partial"
    assert answer.json()["warnings"][0]["kind"] == "lost"
    assert server.post(cut, response_format="srt").headers["parakeet-status"] == "partial"
    assert float(server.post(cut, response_format="srt").headers["parakeet-lost-seconds"]) >= 0.9


def test_a_field_that_is_not_known_is_said_to_be_ignored(server: Server) -> None:
    answer = server.post(clip(), diarize="yes")
    assert answer.json()["warnings"] == [
        {"kind": "ignored", "message": "The field `diarize` isn't known here."}
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": "2"}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"response_format": "pdf"}, "response_format"),
        ({"language": "../etc"}, "language"),
        ({"stream": "perhaps"}, "stream"),
        ({"stream": "true", "response_format": "srt"}, "stream"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"include[]": "logprobs"}, "include"),
        ({"prompt": "x" * 9000}, "prompt"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(
    server: Server, fields: dict[str, str], param: str
) -> None:
    answer = server.post(clip(), **fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_a_path_or_a_url_in_the_place_of_a_file_is_not_opened(server: Server) -> None:
    for text in ("/etc/passwd", "http://localhost/a.wav", "file:///etc/passwd"):
        answer = httpx.post(
            f"{server.url}/v1/audio/transcriptions", files={"file": (None, text)}, timeout=60
        )
        assert answer.status_code == 400
        assert "not a text" in answer.json()["error"]["message"]


def test_the_name_of_an_upload_names_nothing(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "planted"
    answer = httpx.post(
        f"{server.url}/v1/audio/transcriptions",
        files={"file": (f"../../../..{target}", clip())},
        timeout=60,
    )
    assert answer.status_code == 200
    assert not target.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost@evil.example"}, 421),
        ({"Host": "10.0.0.1"}, 421),
        ({"Host": "127.0.0.1?evil"}, 421),
        ({"Host": "127.0.0.1#evil"}, 421),
        ({"Host": "127.0.0.1:port"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "[::1]:8178"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost"}, 200),
    ],
)
def test_other_hosts_and_pages_of_other_sites_are_refused(
    server: Server, headers: dict[str, str], status: int
) -> None:
    assert server.get("/v1/models", headers=headers).status_code == status


def test_a_page_of_this_server_may_ask(server: Server) -> None:
    assert server.get("/v1/models", headers={"Origin": server.url}).status_code == 200


def test_another_address_without_a_key_is_refused_before_anything_is_loaded() -> None:
    for arguments in (
        ("--host", "0.0.0.0"),
        ("--host", "::"),
        ("--host", "192.0.2.1"),
        ("--wyoming", "0.0.0.0:10300"),
    ):
        done = parakeet("serve", "--engine", "whisper", "--model", "/nowhere", *arguments)
        assert done.returncode == 2
        assert "could use the engine" in done.stderr


def test_a_model_that_is_not_there_ends_it_with_the_engines_exit_code() -> None:
    done = parakeet("serve", "--engine", "whisper", "--model", "/nowhere", "--port", "0")
    assert done.returncode == 3


def test_a_port_that_is_taken_is_said(server: Server) -> None:
    done = parakeet("serve", "--engine", "mock", "--port", server.url.rpartition(":")[2])
    assert done.returncode == 1
    assert "--port" in done.stderr


@pytest.mark.parametrize("host", ["nowhere.invalid", "ä" * 70])
def test_a_host_that_is_none_is_said_and_no_port_is_blamed(tmp_path: Path, host: str) -> None:
    keys = tmp_path / "keys"
    keys.write_text("key\n")
    keys.chmod(0o600)
    done = parakeet("serve", "--engine", "mock", "--host", host, "--api-key", str(keys))
    assert done.returncode == 1, done.stderr
    assert f"Nobody can listen at {host}:8178: " in done.stderr
    assert "Name an address of this machine" in done.stderr
    assert "while attempting" not in done.stderr


def test_clients_of_wyoming_without_wyoming_are_refused() -> None:
    """Whoever names them might believe that HTTP is for them alone, too."""
    done = parakeet("serve", "--engine", "mock", "--allow-client", "192.0.2.1")
    assert done.returncode == 2
    assert "there is no --wyoming" in done.stderr


def test_with_keys_only_those_who_send_one_are_served(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# for the editor\nfirst key\nsecond\n")
    keys.chmod(0o600)
    with serving(tmp_path, "--api-key", str(keys)) as server:
        for key, status in (
            ("first key", 200),
            ("second", 200),
            ("second x", 401),
            ("third", 401),
            ("é", 401),
            ("Second", 401),
            ("# for the editor", 401),
        ):
            headers = {"Authorization": f"Bearer {key}".encode()}
            assert server.get("/v1/models", headers=headers).status_code == status
        assert server.get("/v1/models").json()["error"]["code"] == "invalid_api_key"
        assert server.get("/metrics").status_code == 401
        assert server.get("/health").status_code == 200


def test_a_key_that_no_client_can_send_is_refused_at_the_start(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    for text in ("plain\nclé\n", "a\tb\n"):
        keys.write_text(text, "utf-8")
        done = parakeet("serve", "--engine", "mock", "--api-key", str(keys))
        assert done.returncode == 2
        assert "no client can send" in done.stderr


def test_a_recording_whose_name_is_sent_encoded_alone_is_an_upload(server: Server) -> None:
    head = b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%D0%BB.wav\r\n\r\n"
    answer = httpx.post(
        f"{server.url}/v1/audio/transcriptions",
        content=b"--x\r\n" + head + clip(1.0) + b"\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        timeout=60,
    )
    assert answer.json()["text"] == mock_text(1.0)


def test_an_upload_beyond_the_limit_is_refused_and_removed(tmp_path: Path) -> None:
    with serving(tmp_path, "--max-upload", "1") as server:
        assert server.post(clip(40.0)).status_code == 413

        def parts() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(300):
                yield bytes(65536)

        try:
            answer = httpx.post(
                f"{server.url}/v1/audio/transcriptions",
                content=parts(),
                headers={"Content-Type": "multipart/form-data; boundary=x"},
                timeout=60,
            )
            assert answer.status_code == 413
        except httpx.TransportError:
            pass
        assert server.left_behind == []
        assert server.post(clip()).status_code == 200


def test_a_server_with_too_many_requests_says_when_to_come_again(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    limits = ("--max-waiting", "2", "--threads", "2")
    with serving(tmp_path, *limits, env=env) as server, ThreadPoolExecutor() as pool:
        asked = [pool.submit(server.post, clip()) for _ in range(2)]
        assert until(lambda: server.metric("parakeet_chunks_in_hand") == 2)
        answer = server.post(clip())
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["error"]["code"] == "server_busy"
        os.kill(server.engine_pid(), signal.SIGKILL)
        assert {one.result().status_code for one in asked} == {503}


def test_the_death_of_the_engine_costs_what_it_had_and_the_next_succeed(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "20"}
    with serving(tmp_path, env=env) as server, ThreadPoolExecutor() as pool:
        asked = pool.submit(server.post, clip(5.0))
        assert until(lambda: server.metric("parakeet_chunks_in_hand") == 1)
        os.kill(server.engine_pid(), signal.SIGKILL)
        answer = asked.result()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "engine_died"
        assert "was ended by SIGKILL" in answer.json()["error"]["message"]
        assert server.post(clip(0.05)).status_code == 200
        assert server.metric("parakeet_engine_deaths") == 1
        assert server.left_behind == []


def test_a_client_that_leaves_takes_its_work_with_it(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    with serving(tmp_path, env=env) as server:
        for fields in ({}, {"stream": "true"}):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(
                    f"{server.url}/v1/audio/transcriptions",
                    files={"file": ("a.wav", clip())},
                    data=fields,
                    timeout=httpx.Timeout(60, read=1.0),
                )
            assert until(lambda: server.metric("parakeet_requests_running") == 0)
            assert until(lambda: server.left_behind == [])


def test_sigterm_finishes_what_is_in_work_and_ends_with_0(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "2"}
    with serving(tmp_path, env=env) as server, ThreadPoolExecutor() as pool:
        asked = pool.submit(server.post, clip(1.0))
        assert until(lambda: server.metric("parakeet_chunks_in_hand") == 1)
        assert server.end() == 0
        assert asked.result().json()["text"] == mock_text(1.0)
        assert list(server.uploads.rglob("*.audio")) == []


def test_what_is_not_finished_in_time_is_handed_back_with_an_error(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    with serving(tmp_path, "--grace", "0.5", env=env) as server, ThreadPoolExecutor() as pool:
        asked = pool.submit(server.post, clip(1.0))
        assert until(lambda: server.metric("parakeet_chunks_in_hand") == 1)
        assert server.end() == 0
        assert asked.result().status_code == 503


def test_the_engine_goes_with_a_server_that_is_killed_whatever_it_works_on(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    with serving(tmp_path, env=env) as server, ThreadPoolExecutor() as pool:
        pool.submit(server.post, clip(1.0))
        assert until(lambda: server.metric("parakeet_chunks_in_hand") == 1)
        command = Path(f"/proc/{server.engine_pid()}/cmdline")
        server.process.kill()
        assert until(lambda: not command.exists() or not command.read_bytes())


def test_an_upload_that_drips_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, "--grace", "0.5") as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(_HEAD + _BEGUN)
            assert until(lambda: server.left_behind != [])
            assert server.end() == 0
            assert connection.recv(65536).startswith(b"HTTP/1.1 503")
        assert list(server.uploads.rglob("*.audio")) == []


@pytest.mark.parametrize(
    "part", [b"x: " + b"a" * 100_000, b"x: a\r\n" * 5000, b"a" * 100_000 + b": x"]
)
def test_a_part_whose_headers_are_too_long_is_refused(server: Server, part: bytes) -> None:
    body = b"--x\r\n" + part + b"\r\n\r\nabc\r\n--x--\r\n"
    answer = httpx.post(
        f"{server.url}/v1/audio/transcriptions",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_form"


def test_more_connections_than_there_may_be_are_refused_and_fill_no_log(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (512, 512))
        host, port = server.url.removeprefix("http://").split(":")
        before = len(server.lines)
        connections = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            for _ in range(520)
        ]
        assert connections[-1].recv(100).startswith(b"HTTP/1.1 503")
        for connection in connections:
            connection.close()
        assert until(lambda: server.get("/health").status_code == 200)
        assert server.post(clip()).status_code == 200
        assert server.end() == 0
        assert "Traceback" not in "".join(server.lines[before:])


def test_uploads_of_a_server_that_was_killed_are_removed_by_the_next(tmp_path: Path) -> None:
    env = {"PARAKEET_MOCK_RTF": "1000"}
    with serving(tmp_path, env=env) as server, ThreadPoolExecutor() as pool:
        pool.submit(server.post, clip(1.0))
        assert until(lambda: server.left_behind != [])
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert server.left_behind != []
    with serving(tmp_path) as server:
        assert server.left_behind == []


def test_a_form_that_breaks_off_leaves_nothing(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    for text in (
        b"",
        b"--x\r\n",
        _BEGUN,
    ):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(_HEAD + text)
    assert until(lambda: server.left_behind == [])
    assert server.get("/health").status_code == 200


def test_the_log_has_no_speech_unless_asked(tmp_path: Path) -> None:
    for options, logged in (((), False), (("--log-text",), True)):
        with serving(tmp_path, *options) as server:
            server.post(clip())
            server.end()
            server.process.wait()
        assert ("mock transcript" in "".join(server.lines)) is logged
