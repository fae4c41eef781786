"""Tests that a user has one daemon, whatever its clients do and however the last one ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parakeet_cli.dictate.daemon.client import NotRunning, send_verb
from parakeet_cli.dictate.daemon.protocol import MAX_LINE
from parakeet_cli.errors import ParakeetError
from tests.integration.dictate.daemon_process import paths_in
from tests.integration.dictate.desktop import end, until

ROOT = Path(__file__).parents[3]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a daemon in the test's folder; waits until it answers or has ended."""
    started = []

    def one(*arguments: str, wait: bool = True) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.integration.dictate.daemon_process"),
                *(str(tmp_path), *arguments),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        if wait:
            assert process.stdout is not None
            process.stdout.readline()
        return process

    yield one
    for process in started:
        end(process)  # type: ignore[arg-type]


def calls(folder: Path) -> list[str]:
    file = folder / "calls"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def answer_to(folder: Path, line: bytes) -> dict[str, object]:
    """The answer to these bytes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(paths_in(folder).socket))
        connection.sendall(line)
        answer = json.loads(connection.makefile("rb").readline())
    assert isinstance(answer, dict)
    return answer


def test_each_verb_acts_and_answers_with_the_state(tmp_path: Path, start: Start) -> None:
    process = start()
    paths = paths_in(tmp_path)
    assert send_verb(paths, "status") == {
        "running": True, "pid": process.pid, "listening": False, "loaded": True,
    }  # fmt: skip
    assert send_verb(paths, "toggle")["listening"] is True
    assert send_verb(paths, "toggle")["listening"] is False
    assert send_verb(paths, "start")["listening"] is True
    assert send_verb(paths, "cancel")["listening"] is False
    assert calls(tmp_path) == ["begin", "finish", "begin", "discard"]
    send_verb(paths, "quit")
    assert process.wait(60) == 0
    assert calls(tmp_path)[-1] == "quit"
    assert not paths.socket.exists()


def test_a_second_start_says_that_one_is_running(tmp_path: Path, start: Start) -> None:
    first = start()
    second = start()
    assert second.wait(60) == 1
    assert second.stderr is not None
    assert f"A dictation is already running (process {first.pid})." in second.stderr.read()
    send_verb(paths_in(tmp_path), "start")
    with pytest.raises(ParakeetError, match=f"already running .process {first.pid}."):
        send_verb(paths_in(tmp_path), "start")
    assert calls(tmp_path) == ["begin"]


def test_of_several_started_at_once_one_runs(tmp_path: Path, start: Start) -> None:
    processes = [start(wait=False) for _ in range(5)]
    assert until(lambda: sum(process.poll() == 1 for process in processes) == 4)
    (running,) = (process for process in processes if process.poll() is None)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    assert send_verb(paths_in(tmp_path), "status")["pid"] == running.pid


def test_after_kill_9_there_is_no_answer_and_the_next_one_starts(
    tmp_path: Path, start: Start
) -> None:
    paths = paths_in(tmp_path)
    killed = start()
    killed.kill()
    killed.wait()
    assert paths.socket.exists()  # it is stale
    assert paths.lock.read_text() == f"{killed.pid}\n"
    with pytest.raises(NotRunning):
        send_verb(paths, "status")
    following = start()
    assert send_verb(paths, "status")["pid"] == following.pid


def test_a_pid_that_another_program_has_by_now_is_not_taken_for_a_daemon(
    tmp_path: Path, start: Start
) -> None:
    paths_in(tmp_path).lock.write_text(f"{os.getpid()}\n")
    started = start()
    assert send_verb(paths_in(tmp_path), "status")["pid"] == started.pid


def test_a_process_that_was_stopped_still_holds_the_lock(tmp_path: Path, start: Start) -> None:
    first = start()
    first.send_signal(signal.SIGSTOP)
    second = start()
    assert second.wait(60) == 1
    first.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_lets_it_finish_the_last_words(
    tmp_path: Path, start: Start, number: signal.Signals
) -> None:
    process = start()
    send_verb(paths_in(tmp_path), "start")
    process.send_signal(number)
    assert process.wait(60) == 0
    assert calls(tmp_path) == ["begin", "finish", "quit"]


def test_an_error_is_reported_to_the_client(tmp_path: Path, start: Start) -> None:
    start()
    send_verb(paths_in(tmp_path), "start")
    (tmp_path / "fails").touch()
    with pytest.raises(ParakeetError, match="The engine fell over") as raised:
        send_verb(paths_in(tmp_path), "stop")
    assert raised.value.hint == "Pick it up."
    (tmp_path / "fails").unlink()
    assert send_verb(paths_in(tmp_path), "status")["listening"] is False


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"status\n",
        b"[]\n",
        b'{"verb": 1}\n',
        b'{"verb": "sing"}\n',
        b"\xff\xfe\n",
        b'{"verb": "' + b"x" * MAX_LINE + b'"}\n',
    ],
    ids=["empty", "no json", "no object", "no verb", "no such verb", "no text", "endless"],
)
def test_an_invalid_request_is_refused_and_the_next_one_is_answered(
    tmp_path: Path, start: Start, line: bytes
) -> None:
    start()
    answer = answer_to(tmp_path, line)
    assert (answer["ok"], bool(answer["error"])) == (False, True)
    assert calls(tmp_path) == []
    assert send_verb(paths_in(tmp_path), "status")["running"] is True


def test_a_silent_client_holds_up_no_other(tmp_path: Path, start: Start) -> None:
    start()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(paths_in(tmp_path).socket))
        assert send_verb(paths_in(tmp_path), "toggle")["listening"] is True


def test_the_model_is_freed_after_the_time_without_listening(tmp_path: Path, start: Start) -> None:
    start("0.2")
    assert until(lambda: calls(tmp_path) == ["unload"])
    assert send_verb(paths_in(tmp_path), "status")["loaded"] is False
    assert send_verb(paths_in(tmp_path), "start")["loaded"] is True
    send_verb(paths_in(tmp_path), "stop")
    assert until(lambda: calls(tmp_path) == ["unload", "begin", "finish", "unload"])


def answer_to_another_user(socket_path: Path) -> str:
    """The answer that another user gets, who is refused before a request is read."""
    script = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        ' print(s.recv(4096).decode()); s.send(b\'{"verb": "start"}\\n\')'
    )
    # Debian's Python: the one that runs the tests may be in a home that others can't enter.
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    done = subprocess.run(
        [
            *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
            *(python, "-I", "-c", script, str(socket_path)),
        ],
        capture_output=True,
        text=True,
        cwd="/",
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_is_refused(tmp_path: Path, start: Start) -> None:
    start()
    paths = paths_in(tmp_path)
    assert paths.socket.stat().st_mode & 0o777 == 0o600
    for folder in (tmp_path, *tmp_path.parents):  # everything is open but the socket
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    assert "PermissionError" in answer_to_another_user(paths.socket)
    paths.socket.chmod(0o666)  # now the socket is open too: the kernel says who connects
    assert "This dictation belongs to another user." in answer_to_another_user(paths.socket)
    assert calls(tmp_path) == []
    assert send_verb(paths, "start")["listening"] is True
