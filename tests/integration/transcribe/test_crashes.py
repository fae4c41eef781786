"""kill -9, Ctrl-C, a full disk, a read-only folder: whole files or none, and a way to resume."""

from __future__ import annotations

import os
import pty
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.integration.transcribe.command import (
    COMMAND,
    MOCK,
    clip,
    environment,
    files,
    start,
    transcribe,
)

FILES = 40
FORMS = ("txt", "srt", "json")
ASKED = ("transcribe", "in", "-f", ",".join(FORMS), "-o", "out", "--skip-existing")
SLOW = {**MOCK, "PARAKEET_MOCK_RTF": "0.02"}  # 60 ms a clip, two at a time


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty clips, and under `whole` the outputs of an undisturbed run."""
    folder = tmp_path_factory.mktemp("batch")
    for number in range(FILES):
        clip(folder / f"in/{number % 4}/clip{number:02}.wav")
    done = transcribe(folder, "in", "-f", ",".join(FORMS), "-o", "whole")
    assert done.code == 0, done.err
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in sorted(files(folder))}


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything that looks like an output to a person or a program that lists the folder."""
    return {
        name: data
        for name, data in content(folder).items()
        if not Path(name).name.startswith(".parakeet-")
    }


def killed_at_random(batch: Path, times: int, seed: int) -> None:
    whole = content(batch / "whole")
    rolls = random.Random(seed)
    finished = 0
    for _ in range(times):
        shutil.rmtree(batch / "out", ignore_errors=True)
        process = start(batch, *ASKED, engine=SLOW)
        until = time.monotonic() + 30
        if rolls.random() < 0.8:  # else while it is still starting
            while not (batch / "out").exists() and time.monotonic() < until:
                time.sleep(0.002)
        time.sleep(rolls.uniform(0, 1.2))
        process.kill()
        process.communicate()
        left = outputs(batch / "out") if (batch / "out").exists() else {}
        assert left.items() <= whole.items()
        finished += len(left)
        done = transcribe(batch, *ASKED[1:])
        assert done.code == 0, done.err
        assert content(batch / "out") == whole  # and nothing that was begun is left
    assert 0 < finished < times * len(whole), "it was never killed in the middle"


def test_killed_at_random_moments_it_leaves_whole_files_and_goes_on(batch: Path) -> None:
    killed_at_random(batch, times=3, seed=1)


@pytest.mark.soak
def test_killed_at_fifty_random_moments(batch: Path) -> None:
    killed_at_random(batch, times=50, seed=2)


def test_a_partial_transcript_is_done_again_until_it_is_accepted(tmp_path: Path) -> None:
    whole = clip(tmp_path / "in/a.wav")
    clip(tmp_path / "in/b.wav")
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    asked = ("in", "-f", "json,txt", "-o", "out", "--skip-existing")
    assert transcribe(tmp_path, *asked).code == 1
    before = content(tmp_path / "out")
    accepted = transcribe(tmp_path, *asked, "--allow-partial")
    assert accepted.code == 0, accepted.err
    assert "done again" not in accepted.err
    again = transcribe(tmp_path, *asked)
    assert again.code == 1
    assert "in/a.wav: its transcript is partial, so it is done again." in again.err
    assert content(tmp_path / "out") == before
    whole.write_bytes(data)  # it was copied again
    repaired = transcribe(tmp_path, *asked)
    assert repaired.code == 0, repaired.err
    now = content(tmp_path / "out")
    assert now["a.json"] != before["a.json"]
    assert now["a.txt"] != before["a.txt"]
    assert now["b.json"] == before["b.json"]
    assert "done again" not in transcribe(tmp_path, *asked).err


@contextmanager
def mounted(where: Path, *options: str) -> Iterator[Path]:
    where.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", where], capture_output=True
    )
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)


def test_a_full_disk_fails_the_files_that_do_not_fit_alone(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        clip(tmp_path / f"in/{name}.wav")
    (tmp_path / "in/b.txt").write_text("very long " * 40_000, encoding="utf-8")
    with mounted(tmp_path / "out", "size=256k") as out:
        done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out")
        assert done.code == 1
        assert "b.txt can't be written: No space left on device" in done.err
        assert files(out) == {"a.txt", "c.txt"}
        smaller = transcribe(tmp_path, "in/b.wav", "-f", "txt", "-o", "out", "--skip-existing")
        assert smaller.code == 1
        assert files(out) == {"a.txt", "c.txt"}


def test_a_disk_that_is_full_at_the_second_output_leaves_none_unmentioned(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    asked = ("in/a.wav", "-f", "txt,json", "-o", "out", "--manifest-out", "manifest.jsonl")
    with mounted(tmp_path / "out", "size=64k") as out:
        (out / "ballast").write_bytes(bytes(60 << 10))
        done = transcribe(tmp_path, *asked, "--wait", "0")
        assert done.code == 4, done.err
        assert files(out) == {"a.txt", "ballast"}
        assert "a.json can't be written: No space left on device" in done.err
        assert "Written before that, and left: out/a.txt." in done.err
        (out / "ballast").unlink()
        again = transcribe(tmp_path, *asked, "--skip-existing")
        assert again.code == 0, again.err
        assert files(out) == {"a.txt", "a.json"}


def test_a_read_only_folder_fails_its_files_alone(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    clip(tmp_path / "in/locked/b.wav")
    clip(tmp_path / "in/z.wav")
    (tmp_path / "out").mkdir()
    with mounted(tmp_path / "out/locked", "ro"):
        done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out")
        assert done.code == 1
        assert "b.txt can't be written: Read-only file system" in done.err
        assert files(tmp_path / "out") == {"a.txt", "z.txt"}


def interrupted(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> tuple[bytes, bytes]:
    until = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < until, "it never came so far"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=30)


def test_after_ctrl_c_finished_files_stay_and_a_message_says_how_to_resume(batch: Path) -> None:
    shutil.rmtree(batch / "out", ignore_errors=True)
    process = start(
        batch, *ASKED, "--manifest-out", "out/m.jsonl", engine=SLOW, start_new_session=True
    )
    _, err = interrupted(process, lambda: bool(list((batch / "out").glob("0/*.json"))))
    assert process.returncode == 130, err
    output = err.decode()
    assert "Traceback" not in output
    assert f"of {FILES} files are done" in output
    assert "--skip-existing" in output
    left = content(batch / "out")
    manifest = left.pop("m.jsonl").decode().splitlines()
    whole = content(batch / "whole")
    assert left
    assert left.items() < whole.items()
    assert len(manifest) == len({name for name in left if name.endswith(".json")})
    done = transcribe(batch, *ASKED[1:])
    assert done.code == 0
    (batch / "out/m.jsonl").unlink()
    assert content(batch / "out") == whole


def test_ctrl_c_before_the_first_file_causes_no_traceback(batch: Path) -> None:
    for seconds in (0.15, 0.3):
        shutil.rmtree(batch / "out", ignore_errors=True)
        process = start(batch, *ASKED, engine=SLOW, start_new_session=True)
        began = time.monotonic()
        _, err = interrupted(process, lambda at=began + seconds: time.monotonic() > at)  # type: ignore[misc]
        if process.returncode == -signal.SIGINT:
            continue  # Python itself was still starting
        assert process.returncode == 130, err
        assert b"Traceback" not in err or b"parakeet_cli" not in err, err


# What an extension module makes of Ctrl-C while it is imported.
INTERRUPTED_IMPORT = """
import builtins, signal, sys
import_, seen = builtins.__import__, set()
def interrupted(name, *arguments, **options):
    if name == NAME and not seen:
        seen.add(name)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("failed to import") from None
    return import_(name, *arguments, **options)
builtins.__import__ = interrupted
"""


@pytest.mark.parametrize("name", ["parakeet_cli.cli.app", "numpy"])
def test_ctrl_c_during_an_import_is_not_reported_as_its_error(tmp_path: Path, name: str) -> None:
    clip(tmp_path / "a.wav")
    code = INTERRUPTED_IMPORT.replace("NAME", repr(name))
    (tmp_path / "sitecustomize.py").write_text(code)
    done = transcribe(
        *(tmp_path, "a.wav", "-f", "txt", "-o", "out"),
        engine={"PARAKEET_ENGINE": "whisper"},
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.code == 130, done.err
    assert "unexpected" not in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out/a.txt").exists()


def test_ctrl_c_on_a_terminal_does_the_same(batch: Path) -> None:
    shutil.rmtree(batch / "out", ignore_errors=True)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(batch)
        os.execve(COMMAND, [COMMAND, *ASKED], environment(batch, SLOW))
    until = time.monotonic() + 30
    seen = bytearray()
    pressed = False
    with suppress(OSError):  # EIO: the last one closed the terminal
        while time.monotonic() < until:
            seen += os.read(terminal, 65536)
            if not pressed and list((batch / "out").glob("0/*.json")):
                os.write(terminal, b"\x03")
                pressed = True
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    output = seen.decode("utf-8", "replace")
    assert os.waitstatus_to_exitcode(status) == 130, output
    assert f"1/{FILES} " in output  # the bar was there
    assert f"of {FILES} files are done" in output
    assert "Traceback" not in output
    assert "\x1b[?25h" in output  # the cursor was given back
    left = content(batch / "out")
    assert left.items() <= content(batch / "whole").items()
