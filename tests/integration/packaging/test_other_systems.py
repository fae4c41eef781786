"""The commands as they are on Windows and macOS, as far as Linux can show that.

Parakeet's own modules see another system (tests/other_systems): without the modules, functions,
flags and signals that it lacks, with its refusals to rename open files, to wait for a pipe or to
pass a descriptor to a child. What the builds of the libraries for those systems do isn't tested.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.system.locks import lock_file
from tests.integration.doctor.terminal import Terminal
from tests.integration.packaging.environments import CLIP, CLIP_ENDS, ROOT, run

pytestmark = pytest.mark.slow

SYSTEMS = ("win32", "darwin", "neither")  # "neither": Linux without the modules of POSIX
PARAKEET = (sys.executable, "-m", "parakeet_cli")
MOCK = {"PARAKEET_ENGINE": "mock"}
MOCKED = "This is a mock transcript of 2.99 seconds of audio.\n"


def on(
    system: str, home: Path, *words: str | Path, code: int = 0, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run parakeet as if on that system; it must end with `code` and without a fault of ours."""
    variables = {
        "PARAKEET_TEST_SYSTEM": system,
        "PYTHONPATH": str(ROOT / "tests" / "other_systems"),
        "HOME": str(home),
        "LOGNAME": "",
        "USER": "",
    }
    done = run(*PARAKEET, *words, env=variables | (env or {}))
    assert done.returncode == code, done.stderr
    assert "unexpected" not in done.stderr
    return done


@pytest.mark.parametrize("module", ["fcntl", "resource", "pwd", "grp", "termios"])
def test_the_modules_of_posix_are_gone(module: str, tmp_path: Path) -> None:
    variables = {"PYTHONPATH": str(ROOT / "tests" / "other_systems"), "HOME": str(tmp_path)}
    for system in ("win32", "neither"):
        done = run(
            sys.executable,
            "-c",
            f"import {module}",
            env=variables | {"PARAKEET_TEST_SYSTEM": system},
        )
        assert "ModuleNotFoundError" in done.stderr


def test_our_modules_see_the_other_system_in_children_without_site_packages_too() -> None:
    code = (
        "import parakeet_cli.system.processes as p; "
        "c = p.python_command("
        "'from parakeet_cli.system import processes as q; print(q.sys.platform)', isolated=True); "
        "print(p.subprocess.run(c, capture_output=True, text=True, check=True).stdout)"
    )
    done = run(
        *(sys.executable, "-c", code),
        env={
            "PARAKEET_TEST_SYSTEM": "win32",
            "PYTHONPATH": str(ROOT / "tests" / "other_systems"),
        },
    )
    assert done.stdout.strip() == "win32", done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_clip_is_transcribed_by_the_engine_that_is_built_in(system: str, tmp_path: Path) -> None:
    done = on(system, tmp_path, "transcribe", CLIP)
    assert done.stdout.strip().endswith(CLIP_ENDS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_help_models_configuration_and_the_doctor_work(system: str, tmp_path: Path) -> None:
    assert "transcribe" in on(system, tmp_path, "--help").stdout
    assert "tiny.en" in on(system, tmp_path, "models", "list").stdout
    path = on(system, tmp_path, "config", "init").stdout.strip()
    assert Path(path).is_file()
    assert "engine" in on(system, tmp_path, "config", "show").stdout
    report = json.loads(on(system, tmp_path, "doctor", "--json", code=1).stdout)
    assert [one["status"] for one in report["findings"] if one["id"] == "stack-installed"] == [
        "fail"
    ]
    assert "unknown" not in {one["status"] for one in report["findings"]}
    markdown = on(system, tmp_path, "doctor", "report").stdout
    assert "### parakeet doctor" in markdown and str(tmp_path) not in markdown


@pytest.mark.parametrize("system", SYSTEMS)
def test_another_python_is_asked_what_it_is(system: str, tmp_path: Path) -> None:
    done = on(system, tmp_path, "doctor", "--json", "--python", sys.base_prefix, code=1)
    by_id = {one["id"]: one for one in json.loads(done.stdout)["findings"]}
    assert by_id["stack-installed"]["status"] == "fail"


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_a_batch_with_damaged_files_is_done_and_can_be_asked_about(
    system: str, tmp_path: Path
) -> None:
    recordings = tmp_path / "in"
    recordings.mkdir()
    whole = Path(CLIP).read_bytes()
    (recordings / "whole.wav").write_bytes(whole)
    (recordings / "empty.wav").touch()
    (recordings / "cut.wav").write_bytes(whole[:40000])
    words = ("transcribe", recordings, "-f", "srt", "-o", tmp_path / "out", "--run", tmp_path / "r")
    done = on(system, tmp_path, *words, code=1, env=MOCK)
    assert "empty.wav is empty" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cut.srt", "whole.srt"]
    status = on(system, tmp_path, "transcribe", "--status", tmp_path / "r", "--json")
    row = json.loads(status.stdout)
    assert (row["done"], row["failed"], row["partial"]) == (1, 1, 1)
    on(system, tmp_path, *words, code=1, env=MOCK)


@pytest.mark.parametrize("system", SYSTEMS)
def test_stdin_is_transcribed(system: str, tmp_path: Path) -> None:
    variables = {"PARAKEET_TEST_SYSTEM": system, "HOME": str(tmp_path), **MOCK}
    with Path(CLIP).open("rb") as clip:
        done = subprocess.run(
            [*PARAKEET, "transcribe", "-"],
            stdin=clip,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(ROOT / "tests" / "other_systems"), **variables},
            cwd=ROOT,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, MOCKED), done.stderr


def test_on_windows_one_run_is_worked_on_by_one_process(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    held = lock_file(tmp_path / "run" / "lock")
    words = ("transcribe", CLIP, "-o", tmp_path / "out", "--run", tmp_path / "run")
    try:
        refused = on("win32", tmp_path, *words, code=2, env=MOCK)
        assert "is in use by another run" in refused.stderr
    finally:
        os.close(held)
    on("win32", tmp_path, *words, env=MOCK)


def test_on_windows_what_needs_more_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for words, code, expected in (
        (("doctor", "--fix", "--yes"), 6, "In WSL it repairs, too"),
        (("doctor", "rollback"), 6, "In WSL it repairs, too"),
        (("setup", "--engine", "nemo", "--yes"), 6, "Nothing was changed"),
        (("transcribe", CLIP, CLIP, "--workers", "2"), 2, "leave out --workers"),
        (("dictate", "--from-file", CLIP), 3, "parakeet transcribe works there"),
    ):
        done = on("win32", tmp_path, *words, code=code, env=MOCK)
        assert expected in done.stderr


@pytest.mark.parametrize("missing", [("termios", "tty"), ()])
def test_without_the_module_for_keys_a_dictation_on_a_terminal_has_none_and_goes_on(
    missing: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({missing})); "
        "runpy.run_module('parakeet_cli', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", code, "dictate", "--from-file", str(CLIP)]
    variables = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **MOCK}
    terminal = Terminal([*command, "--sink", f"file:{tmp_path / 'text'}"], variables, columns=80)
    terminal.wait_for("Ctrl-C ends" if missing else "space pauses")
    assert terminal.end() == 0, terminal.written
    assert ("space" in terminal.written) == (not missing)
    assert "a mock transcript" in (tmp_path / "text").read_text()


def test_on_windows_a_name_of_a_device_is_no_output(tmp_path: Path) -> None:
    clip = tmp_path / "aux.wav"
    clip.write_bytes(Path(CLIP).read_bytes())
    out = tmp_path / "out"
    done = on("win32", tmp_path, "transcribe", clip, CLIP, "-o", out, code=1, env=MOCK)
    assert "is a device on Windows: aux" in done.stderr
    assert [path.stem for path in out.iterdir()] == [Path(CLIP).stem]
    on("win32", tmp_path, "transcribe", clip, "-o", out, "--output-template", "a-{index}", env=MOCK)
    assert (out / "a-1.txt").is_file()
