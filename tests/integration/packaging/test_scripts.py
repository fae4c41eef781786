from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.integration.packaging.environments import CLIP_ENDS, ROOT, copy_checkout, run

SCRIPTS = ROOT / "scripts"
INSTALL = SCRIPTS / "install-system-packages.sh"


# Without a first line that says so, it is no script but read by others.
RUN_BY_PEOPLE = [path for path in sorted(SCRIPTS.glob("*.sh")) if path.read_text()[:2] == "#!"]


@pytest.mark.parametrize("script", RUN_BY_PEOPLE, ids=lambda path: path.name)
def test_each_script_says_what_it_does(script: Path) -> None:
    done = run("bash", script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: scripts/{script.name}")


@pytest.mark.slow
def test_try_sets_up_once_and_again_after_a_change() -> None:
    with tempfile.TemporaryDirectory(prefix="parakeet try ") as folder:
        checkout = copy_checkout(Path(folder) / "check out")
        moved = Path(folder) / "moved"

        def tried(checkout: Path) -> subprocess.CompletedProcess[str]:
            done = run("bash", "scripts/try.sh", "samples/sense_0880.wav", cwd=checkout)
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip().endswith(CLIP_ENDS)
            return done

        assert "Setting up" in tried(checkout).stderr
        assert "Setting up" not in tried(checkout).stderr
        compared = run("bash", "scripts/try.sh", cwd=checkout)
        assert compared.returncode == 0, compared.stderr
        assert_samples_are_compared(compared.stdout)
        assert_next_commands_work(compared.stdout, checkout)
        with (checkout / "pyproject.toml").open("a") as pyproject:
            pyproject.write("# changed\n")
        assert "Setting up" in tried(checkout).stderr
        checkout.rename(moved)
        assert "Setting up" in tried(moved).stderr


def assert_samples_are_compared(shown: str) -> None:
    for clip in (ROOT / "samples").rglob("*.wav"):
        assert f"\n{clip.relative_to(ROOT / 'samples').as_posix()}  (" in shown
    right, total = re.findall(r"^([0-9]+) of ([0-9]+) words are as they were read", shown, re.M)[0]
    assert int(right) > 0.85 * int(total) > 50


def assert_next_commands_work(shown: str, checkout: Path) -> None:
    """Type the commands that set PATH and make pages; only look for those that need a person."""
    path, pages, dictate, *_ = shown[shown.index("Next, type:") :].splitlines()[1:]
    shell = f"{path}\n{pages}\ncommand -v parakeet\n{dictate.split('#')[0]} --help"
    typed = run("bash", "-ec", shell, cwd=checkout)
    assert typed.returncode == 0, typed.stderr
    assert f"{checkout}/.venv/bin/parakeet\n" in typed.stdout
    assert (checkout / "transcripts" / "sense_0880.html").stat().st_size > 10_000


COMPARE = runpy.run_path(str(SCRIPTS / "compare_samples.py"))


@pytest.mark.parametrize(
    ("read", "transcribed", "count", "sentences"),
    [
        ("ten of clubs", "10 of clubs.", 0, []),
        ("mister dashwood", "Mr. Dashwood", 0, []),
        ("four queen of clubs", "4 Queen of Cloves", 1, ["“cloves” instead of “clubs”"]),
        ("and he was", "he was", 1, ["“and” is missing"]),
        ("he was", "he was not", 1, ["“not” was not read"]),
    ],
)
def test_a_transcript_is_compared_word_by_word(
    read: str, transcribed: str, count: int, sentences: list[str]
) -> None:
    words = COMPARE["words"]
    assert COMPARE["differences"](words(read), words(transcribed)) == (count, sentences)


class BareMachine:
    """A PATH with the few commands the script itself uses, an apt-get and a sudo that note
    how they were called, and no Python."""

    def __init__(
        self, path: Path, *, user: int, apt: bool = True, sudo: bool = True, fails: bool = False
    ) -> None:
        self.path = path
        self.calls = path / "calls"
        for name in ("bash", "env", "cat", "mktemp", "rm"):
            (path / name).symlink_to(shutil.which(name) or name)
        self._command("id", f"echo {user}")
        if apt:
            words = "echo no such package >&2; exit 100" if fails else ""
            self._command("apt-get", f'echo "apt-get $*" >> "{self.calls}"; {words}')
        if sudo:
            self._command("sudo", f'echo "sudo" >> "{self.calls}"; exec "$@"')

    def _command(self, name: str, line: str) -> None:
        script = self.path / name
        script.write_text(f"#!{shutil.which('bash')}\n{line}\n", encoding="utf-8")
        script.chmod(0o755)

    def install(self, *options: str) -> subprocess.CompletedProcess[str]:
        return run("bash", INSTALL, *options, env={"PATH": str(self.path), "PYTHON": "python3"})

    @property
    def called(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []


def test_root_installs_missing_packages_without_sudo(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path, user=0)
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert "python3 python3-venv" in done.stderr
    update, install = machine.called
    assert update.endswith(" update")
    assert install.endswith(" python3 python3-venv libportaudio2")


def test_other_users_install_with_sudo_after_a_message(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path, user=1000)
    done = machine.install("--tests")
    assert "with sudo" in done.stderr
    sudo, _, again, install = machine.called
    assert sudo == again == "sudo"
    assert " python3 python3-venv libportaudio2 make shellcheck chromium chromium-driver" in install


@pytest.mark.parametrize(
    ("user", "apt", "advice"),
    [(0, False, "There is no apt-get here"), (1000, True, "As root: apt-get install python3")],
)
def test_without_a_way_to_install_it_says_so_and_continues(
    tmp_path: Path, user: int, apt: bool, advice: str
) -> None:
    machine = BareMachine(tmp_path, user=user, apt=apt, sudo=False)
    done = machine.install()
    assert done.returncode == 0
    assert advice in done.stderr
    assert machine.called == []


def test_if_apt_get_fails_its_own_message_is_shown(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path, user=0, fails=True)
    done = machine.install()
    assert done.returncode == 1
    assert "no such package" in done.stderr
    assert len(machine.called) == 1


def test_if_nothing_is_missing_nothing_is_asked_or_printed(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path, user=0)
    (tmp_path / "python3").symlink_to(sys.executable)
    done = machine.install()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.called == []


def test_a_python_that_is_too_old_is_named_with_the_remedy(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 || exit 1\n')
    old.chmod(0o755)
    done = run("bash", SCRIPTS / "venv.sh", env={"PYTHON": str(old)})
    assert done.returncode == 1
    assert "Python 3.9.2 is too old: parakeet needs Python 3.11 or newer" in done.stderr
    assert "PYTHON=" in done.stderr


def test_a_missing_python_is_reported_in_one_sentence() -> None:
    done = run("bash", SCRIPTS / "venv.sh", env={"PYTHON": "python9.9"})
    assert done.returncode == 1
    assert "There is no python9.9 here." in done.stderr
