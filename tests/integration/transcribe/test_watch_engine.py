"""--watch that runs first: its engine is everybody's, and nothing is lost with either of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import until
from tests.integration.server.serving import ROOT, children_of, mock_text, serving
from tests.integration.server.serving import clip as sound
from tests.integration.transcribe.command import CLIP, MOCK, clip, files
from tests.integration.transcribe.test_runs import journal
from tests.integration.transcribe.watching import Watching, watching

ENGINE = ("--engine", "mock")
SLOW = {**MOCK, "PARAKEET_MOCK_RTF": "0.3"}  # 0.9 s a clip


def user(folder: Path) -> dict[str, str]:
    """The variables of one user, whose processes find each other."""
    (folder / "run").mkdir(exist_ok=True, mode=0o700)
    return {
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
    }


def engines_of(pid: int) -> list[int]:
    return [
        child
        for child in children_of(pid)
        if b"engines.shared.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def loaded(watch: Watching) -> int:
    """The process that holds the watch's own model, once it is there."""
    watch.until(lambda: engines_of(watch.process.pid))
    return engines_of(watch.process.pid)[0]


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for child in children_of(pid):
        with suppress(OSError):
            found += family(child)
    return found


def gone(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def dictate(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "parakeet_cli", "dictate", *ENGINE),
            *("--from-file", str(CLIP), "--fast"),
        ],
        cwd=ROOT,
        env={**os.environ, **user(folder)},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_a_dictation_and_a_second_watch_use_the_engine_of_the_first_watch(
    tmp_path: Path, number: int
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    with watching(tmp_path, *ENGINE, env=user(tmp_path)) as first:
        first.says("Engine: mock")
        loaded(first)
        with (
            serving(tmp_path) as server,
            watching(second, *ENGINE, env=user(tmp_path)) as other,
        ):
            other.says("shared by another process")
            assert server.post(sound()).json()["text"] == mock_text(1.0)
            said = dictate(tmp_path)
            assert "shared by another process" in said.stderr
            assert said.stdout.startswith("This is a mock transcript")
            clip(second / "in/a.wav")
            other.until(lambda: (second / "out/a.txt").exists())
            clip(tmp_path / "in/b.wav")
            first.until(lambda: (tmp_path / "out/b.txt").exists())
            pids = server.process.pid, other.process.pid
            assert not any(map(engines_of, pids))
            whole = family(first.process.pid)
            first.end(number)
            assert until(lambda: gone(whole))
            # One of the others loads it, and shares it in its turn.
            assert server.post(sound(2.0)).json()["text"] == mock_text(2.0)
            clip(second / "in/c.wav")
            other.until(lambda: (second / "out/c.txt").exists())
            assert sum(len(engines_of(pid)) for pid in pids) == 1
            other.end()
            assert server.end() == 0
    assert not (tmp_path / "run/parakeet/engine.sock").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_others_have_asked_outlives_the_watch_that_had_the_engine(
    tmp_path: Path, number: int
) -> None:
    with watching(tmp_path, *ENGINE, "--grace", "1", env=user(tmp_path), engine=SLOW) as first:
        loaded(first)
        with serving(tmp_path) as server, ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(server.post, sound(20.0)) for _ in range(4)]
            assert until(lambda: server.metric("parakeet_requests_running") > 0)
            whole = family(first.process.pid)
            first.end(number)
            for answer in asked:
                assert answer.result().json()["text"] == mock_text(20.0)
            assert until(lambda: gone(whole))


def test_the_death_of_the_engine_s_process_costs_a_file_a_second_attempt(tmp_path: Path) -> None:
    for number in range(6):
        clip(tmp_path / f"in/{number}.wav")
    with watching(tmp_path, *ENGINE, env=user(tmp_path), engine=SLOW) as watch:
        watch.until(lambda: files(tmp_path / "out"))
        os.kill(loaded(watch), signal.SIGKILL)
        watch.until(lambda: len(files(tmp_path / "out")) == 12)
        watch.looks(tmp_path / "in")
        err = watch.end()
    assert "The engine's process was ended by SIGKILL. Another is started." in err
    assert "6 files transcribed, 1 failed" in err  # the sentinel is no recording
    assert {journal(tmp_path, "begun")[f"{number}.wav"] for number in range(6)} == {1}


def test_what_is_dictated_comes_before_the_files(tmp_path: Path) -> None:
    count = 12
    for number in range(count):
        clip(tmp_path / f"in/{number}.wav")
    with watching(tmp_path, *ENGINE, env=user(tmp_path), engine=SLOW) as watch:
        watch.until(lambda: files(tmp_path / "out"))
        said = dictate(tmp_path)
        assert "shared by another process" in said.stderr
        assert said.stdout.strip()
        assert sum(journal(tmp_path, "ended").values()) < count
        watch.until(lambda: len(files(tmp_path / "out")) == 2 * count)
        watch.end()


def test_another_engine_is_not_shared(tmp_path: Path) -> None:
    with (
        watching(tmp_path, *ENGINE, "--beam-size", "3", env=user(tmp_path)) as watch,
        serving(tmp_path) as server,
    ):
        loaded(watch)
        assert server.post(sound()).json()["text"] == mock_text(1.0)
        assert engines_of(server.process.pid)
        watch.end()


def test_a_watch_that_is_told_to_end_while_its_model_is_loaded_ends_at_once(
    tmp_path: Path,
) -> None:
    with watching(tmp_path, "--engine", "whisper", "--model", "tiny.en", engine={}) as watch:
        pid = loaded(watch)
        os.kill(pid, signal.SIGSTOP)  # it never ends loading
        assert "has 25 s to be finished" not in watch.end()
        assert until(lambda: gone([pid]))


@pytest.mark.slow
def test_the_server_uses_the_whisper_of_a_watch(tmp_path: Path) -> None:
    asked = ("--engine", "whisper", "--model", "tiny.en")
    clip(tmp_path / "in/a.wav")
    with watching(tmp_path, *asked, env=user(tmp_path), engine={}) as watch:
        watch.until(lambda: (tmp_path / "out/a.txt").exists())
        with serving(tmp_path, *asked) as server:
            heard = server.post(CLIP.read_bytes()).json()["text"]
            assert not engines_of(server.process.pid)
            watch.end(signal.SIGKILL)
            assert server.post(CLIP.read_bytes()).json()["text"] == heard
            assert engines_of(server.process.pid)
        assert heard.split() == (tmp_path / "out/a.txt").read_text().split()
