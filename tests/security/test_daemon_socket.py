"""Garbage, floods, silence and other users at the socket of `dictate start`: it goes on."""

from __future__ import annotations

import errno
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from parakeet_cli.dictate.daemon import server as server_module
from parakeet_cli.dictate.daemon.client import NotRunning, send_verb
from parakeet_cli.dictate.daemon.lock import DaemonLock
from parakeet_cli.dictate.daemon.paths import DaemonPaths
from parakeet_cli.dictate.daemon.protocol import MAX_LINE
from parakeet_cli.dictate.daemon.server import Server
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.safety.private_folders import NotPrivate, private_folder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
OTHER = 65_533
LINES = (
    b"",
    b"\n",
    b"\0" * 5_000 + b"\n",
    b"[" * 60_000 + b"\n",
    b'{"verb": null}\n',
    b'{"verb": "' + b"x" * 60_000 + b'"}\n',
    b'{"verb": "\\ud800"}\n',
    b"\xff\xfe\n",
    b"1e999\n",
    b"x" * (MAX_LINE + 4_096),
    b'{"verb": "sta',
)


@dataclass(slots=True)
class Dictation:
    """A dictation that only counts what it is asked."""

    calls: list[str] = field(default_factory=list)

    def begin(self, profile: str | None = None) -> None:
        self.calls.append("begin")

    def finish(self) -> None:
        self.calls.append("finish")

    def discard(self) -> None:
        self.calls.append("discard")

    def state(self) -> dict[str, object]:
        return {"listening": False, "loaded": True}

    def check(self) -> None:
        """Nothing stands ready here."""

    def unload(self) -> None:
        self.calls.append("unload")

    def quit(self) -> None:
        self.calls.append("quit")


@dataclass(frozen=True, slots=True)
class Daemon:
    paths: DaemonPaths
    server: Server
    dictation: Dictation

    def connect(self, data: bytes = b"") -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.paths.socket))  # which waits while the kernel's queue is full
        connection.settimeout(20)
        if data:
            connection.sendall(data)
        return connection

    def status(self) -> object:
        """Whether it answers, once those that came before were served or had no more time."""
        for _ in range(400):
            try:
                return send_verb(self.paths, "status")["running"]
            except ParakeetError:
                threading.Event().wait(0.05)
        return False


def paths_in(folder: Path) -> DaemonPaths:
    return DaemonPaths(folder / "socket", folder / "lock", folder / "log")


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A server in a thread of this process, in a folder that another user could be let into."""
    monkeypatch.setattr(server_module, "handle_signals", lambda *_: threading.Lock())
    with tempfile.TemporaryDirectory() as folder:
        paths = paths_in(Path(folder))
        lock = DaemonLock(paths.lock)
        lock.acquire()
        dictation = Dictation()
        server = Server(dictation, paths, lock)
        ready = threading.Event()
        thread = threading.Thread(target=server.serve, args=(ready.set,), daemon=True)
        thread.start()
        assert ready.wait(20)
        yield Daemon(paths, server, dictation)
        assert server.handle("quit").ok
        thread.join(20)
        assert not thread.is_alive()
    assert dictation.calls[-1] == "quit"


@pytest.mark.parametrize("line", LINES, ids=lambda line: repr(line[:12]))
def test_a_line_that_is_no_request_is_answered_with_an_error(daemon: Daemon, line: bytes) -> None:
    with daemon.connect() as connection:
        try:
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").readline()
        except (BrokenPipeError, ConnectionResetError):  # it didn't wait for the rest
            answer = b""
    assert not answer or json.loads(answer)["ok"] is False
    assert daemon.status() is True
    assert daemon.dictation.calls == []


def test_random_bytes_never_stop_it(daemon: Daemon) -> None:
    chance = random.Random(20_261_128)
    for _ in range(200):
        data = bytearray(chance.choice((*LINES, b'{"verb": "status"}\n'))[:2_000])
        for _ in range(chance.randrange(6)):
            data[chance.randrange(len(data) + 1) :] += chance.randbytes(chance.randrange(9))
        with daemon.connect() as connection:
            try:
                connection.sendall(bytes(data))
            except (BrokenPipeError, ConnectionResetError):
                continue
    assert daemon.status() is True
    assert not {"begin", "discard"} & set(daemon.dictation.calls)


def test_silent_clients_and_those_that_never_read_are_limited(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_CLIENT_TIMEOUT", 1.0)
    before = threading.active_count()
    clients = [daemon.connect(b'{"verb": "st') for _ in range(100)]
    clients += [daemon.connect(b'{"verb": "status"}\n') for _ in range(20)]
    assert threading.active_count() - before <= server_module._CLIENTS + 1
    first = clients[0].makefile("rb").read()  # its time is up, though it never ended its line
    assert first == b""
    assert daemon.status() is True
    assert threading.active_count() - before <= server_module._CLIENTS + 1
    for client in clients:
        client.close()


def test_a_client_that_sends_byte_by_byte_has_no_more_time(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_CLIENT_TIMEOUT", 0.5)
    with daemon.connect() as connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(200):
            connection.sendall(b" ")
            threading.Event().wait(0.05)
    assert daemon.status() is True


@pytest.mark.parametrize("fault", ["accept", "thread"])
def test_without_descriptors_or_threads_it_goes_on(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise OSError(errno.EMFILE, "x") if fault == "accept" else RuntimeError("no thread")

    with monkeypatch.context() as patched:
        target = socket.socket if fault == "accept" else threading.Thread
        patched.setattr(target, "accept" if fault == "accept" else "start", fail)
        with daemon.connect():
            assert failed.wait(20)
    assert daemon.status() is True


@needs_root
def test_another_user_s_request_is_refused(daemon: Daemon) -> None:
    daemon.paths.socket.chmod(0o777)
    daemon.paths.socket.parent.chmod(0o755)
    code = (
        "import contextlib, os, socket, sys\n"
        f"os.setgid({OTHER}); os.setuid({OTHER})\n"
        "with socket.socket(socket.AF_UNIX) as one:\n"
        "    one.connect(sys.argv[1])\n"
        "    print(one.makefile().readline())\n"  # it's refused before it says what it wants
        "    with contextlib.suppress(BrokenPipeError):\n"
        '        one.sendall(b\'{"verb": "start"}\\n\')\n'
    )
    command = [sys.executable, "-c", code, str(daemon.paths.socket)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "belongs to another user" in done.stdout, done
    assert daemon.dictation.calls == []


@needs_root
def test_a_socket_of_another_user_gets_no_request(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    code = (
        "import os, socket, sys\n"
        "one = socket.socket(socket.AF_UNIX); one.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777)\n"
        f"os.setgid({OTHER}); os.setuid({OTHER})\n"
        "one.listen(); print('ready', flush=True)\n"
        "other, _ = one.accept(); print(other.recv(100), flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(paths.socket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(ParakeetError, match="another user"):
            send_verb(paths, "start")
        assert process.stdout.readline() == "b''\n"


def test_a_socket_that_nobody_serves_is_no_daemon(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(paths.socket))
    with pytest.raises(NotRunning):
        send_verb(paths, "status")


@needs_root
def test_folders_that_others_made_are_refused(tmp_path: Path) -> None:
    """As anyone can make /tmp/runtime-UID, where the socket is without a runtime folder."""
    theirs = tmp_path / "runtime-0"
    theirs.mkdir(mode=0o777)
    os.chown(theirs, OTHER, OTHER)
    with pytest.raises(NotPrivate, match="Other users can replace") as refused:
        private_folder(theirs / "parakeet")
    assert "XDG_RUNTIME_DIR" in refused.value.hint
    assert not list(theirs.iterdir())


@pytest.mark.parametrize("planted", ["folder", "FIFO", "device"])
def test_a_lock_that_is_none_is_named(tmp_path: Path, planted: str) -> None:
    path = tmp_path / "lock"
    if planted == "folder":
        path.mkdir()
    elif planted == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ParakeetError, match="lock can't be locked"):
        DaemonLock(path).acquire()


def test_a_folder_in_the_place_of_the_socket_is_named(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    paths.socket.mkdir()
    with pytest.raises(ParakeetError, match="socket can't be made"):
        Server(Dictation(), paths, DaemonLock(paths.lock)).serve(lambda: None)
