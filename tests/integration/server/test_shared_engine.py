"""Tests that dictation and the server use one loaded engine, whichever was there first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.dictate.desktop import until
from tests.integration.server.serving import ROOT, children_of, clip, mock_text, serving
from tests.integration.transcribe.watching import watching


def dictating(folder: Path, *arguments: str) -> list[str]:
    recording = folder / "spoken.wav"
    recording.write_bytes(clip(1.0))
    return [
        *(sys.executable, "-m", "parakeet_cli", "dictate", "--engine", "mock"),
        *("--from-file", str(recording), "--fast", *arguments),
    ]


def environment(folder: Path) -> dict[str, str]:
    (folder / "run").mkdir(exist_ok=True, mode=0o700)
    return {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
    }


@contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon of dictation, which doesn't listen."""
    process = subprocess.Popen(
        [*dictating(folder, "--sink", f"file:{folder}/said"), "start", "--idle", "--foreground"],
        cwd=ROOT,
        env=environment(folder),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert until(lambda: (folder / "run" / "parakeet" / "engine.sock").exists())
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def has_engine(pid: int) -> bool:
    return any(
        b"engines.shared.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        for child in children_of(pid)
    )


def test_dictation_says_that_it_uses_the_servers_engine(tmp_path: Path) -> None:
    with serving(tmp_path):
        done = subprocess.run(
            dictating(tmp_path),
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=True,
        )
    assert "shared by another process" in done.stderr


def test_the_server_uses_the_daemons_engine_and_its_own_when_the_daemon_ends(
    tmp_path: Path,
) -> None:
    with daemon(tmp_path) as process, serving(tmp_path) as server:
        assert not has_engine(server.process.pid)
        assert server.post(clip()).json()["text"] == mock_text(1.0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert until(lambda: has_engine(server.process.pid))
        assert server.post(clip()).json()["text"] == mock_text(1.0)
        assert server.get("/health").json()["status"] == "ready"


def test_a_watched_folder_uses_the_servers_engine(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as server,
        watching(tmp_path, "--engine", "mock", env=environment(tmp_path)) as watch,
    ):
        watch.says("shared by another process")
        (tmp_path / "in" / "a.wav").write_bytes(clip(1.0))
        watch.until(lambda: (tmp_path / "out" / "a.txt").exists())
        assert (tmp_path / "out" / "a.txt").read_text().strip() == mock_text(1.0)
        assert not has_engine(watch.process.pid)
        server.end()
        (tmp_path / "in" / "b.wav").write_bytes(clip(2.0))
        watch.until(lambda: (tmp_path / "out" / "b.txt").exists())
        assert has_engine(watch.process.pid)
        watch.end()
