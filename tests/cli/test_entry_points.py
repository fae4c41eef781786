from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from parakeet_cli import __version__
from tests.cli.running import COMMAND, ROOT, parakeet, run_python


def test_the_installed_command_and_the_module_print_the_same() -> None:
    module = run_python("-m", "parakeet_cli", "--version")
    assert parakeet("--version").stdout == module.stdout == f"parakeet {__version__}\n"


def test_the_version_is_the_one_of_the_distribution() -> None:
    """It is in two places, since Poetry has no computed versions."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["version"] == __version__


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_completion_script(shell: str) -> None:
    script = parakeet(env={"_PARAKEET_COMPLETE": f"source_{shell}"})
    assert script.returncode == 0, script.stderr
    assert f"_PARAKEET_COMPLETE=complete_{shell}" in script.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tran", ["transcribe"]),
        ("transcribe --eng", ["--engine"]),
        ("transcribe --engine wh", ["whisper"]),
        ("transcribe -f sr", ["srt"]),
        ("config in", ["init"]),
    ],
)
def test_bash_completes(line: str, offered: list[str]) -> None:
    """The script that bash is given is run by bash."""
    words = f"parakeet {line}".split()
    script = f"""
        eval "$(_PARAKEET_COMPLETE=source_bash parakeet)"
        COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
        _parakeet_completion parakeet
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    completed = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    assert completed.stdout.split() == offered, completed.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_are_offered_the_same(shell: str) -> None:
    asked = {
        "_PARAKEET_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "parakeet tran",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    assert "transcribe" in parakeet(env=asked).stdout


def test_the_garbage_collector_is_on_again_when_a_command_runs() -> None:
    script = (
        "import gc, sys\n"
        "from parakeet_cli import __main__, console\n"
        "console.out = lambda text: print(gc.isenabled())\n"
        "sys.argv = ['parakeet', 'config', 'path']\n"
        "__main__.main()\n"
    )
    assert run_python("-c", script).stdout == "True\n"


def test_a_python_that_misses_modules_because_of_pythonhome_says_so(tmp_path: Path) -> None:
    """PYTHONHOME names another Python, whose library lacks some of this one's modules."""
    library = Path(sysconfig.get_path("stdlib"))
    other = tmp_path / "lib" / library.name
    other.mkdir(parents=True)
    for entry in library.iterdir():
        if entry.name not in ("lib-dynload", "site-packages", "json", "shutil.py"):
            (other / entry.name).symlink_to(entry)
    packages = [str(ROOT), *(path for path in sys.path if path.endswith("-packages"))]
    script = f"import sys; sys.path += {packages!r}; import parakeet_cli.__main__ as m; m.main()"
    done = run_python("-c", script, env={"PYTHONHOME": str(tmp_path)})
    assert done.returncode == 1
    assert "unset PYTHONHOME" in done.stderr
    assert done.stderr.count("\n") == 1
