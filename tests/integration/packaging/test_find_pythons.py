"""A machine has more interpreters than the one on PATH, and the script finds them."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.integration.packaging.environments import ROOT, run
from tests.pythons import SCRIPT, supported

FULL = platform.python_version()
RUNNING = FULL.rpartition(".")[0]


class Machine:
    """A home folder and a PATH with nothing on it but what the script itself uses.

    /usr/bin stays, because the script names it: so tests ask for versions that no machine has,
    or for the one that runs.
    """

    def __init__(self, path: Path) -> None:
        self.home = path / "home"
        self.bin = path / "bin"
        self.home.mkdir()
        self.bin.mkdir()
        for name in ("bash", "sort"):
            (self.bin / name).symlink_to(shutil.which(name) or name)

    def put(self, path: Path, version: str, *, like: str = RUNNING) -> Path:
        """A link to the running interpreter, or a script that says it is another one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if like == version:
            path.symlink_to(Path(sys.executable).resolve())
        else:
            path.write_text(f"#!/bin/sh\nprintf '%s\\t%s\\n' {version} {path}\n")
            path.chmod(0o755)
        return path

    def find(self, *versions: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(self.home), "PATH": str(self.bin), **variables}
        for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "XDG_DATA_HOME"):
            env.setdefault(name, "")
        return run("bash", SCRIPT, *versions, env=env)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# A classifier is added when the tests have passed on that Python.
NOT_YET_SEEN = {"3.14"}


def test_the_script_looks_for_what_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = [line.rpartition(" :: ")[2] for line in project["classifiers"] if ":: 3." in line]
    assert versions == [one for one in supported() if one not in NOT_YET_SEEN]
    assert project["requires-python"] == f">={versions[0]}"


def test_the_running_python_is_found(machine: Machine) -> None:
    machine.put(machine.bin / f"python{RUNNING}", RUNNING)
    done = machine.find(RUNNING)
    assert (done.returncode, done.stderr) == (0, "")
    version, _, path = done.stdout.rstrip("\n").partition("\t")
    assert version == FULL
    assert Path(path).exists()


def test_one_of_a_virtual_environment_leads_to_the_one_that_made_it(
    machine: Machine, tmp_path: Path
) -> None:
    made = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")]
    subprocess.run(made, check=True)
    done = machine.find(RUNNING, PATH=f"{tmp_path}/venv/bin:{machine.bin}")
    path = done.stdout.rstrip("\n").partition("\t")[2]
    assert path, done.stderr
    assert not path.startswith(str(tmp_path))


@pytest.mark.parametrize(
    "place",
    [
        ".pyenv/versions/3.97.2/bin",
        ".local/share/uv/python/cpython-3.97.2-linux-x86_64-gnu/bin",
        "miniforge3/bin",
        "miniconda3/envs/speech/bin",
    ],
)
def test_each_tool_s_folder_is_looked_into(machine: Machine, place: str) -> None:
    path = machine.put(machine.home / place / "python3.97", "3.97.2")
    done = machine.find("3.97", "3.98")
    assert done.stdout == f"3.97.2\t{path}\n"
    assert (done.returncode, done.stderr.strip()) == (0, "Not found: Python 3.98")


def test_the_newest_release_of_pyenv_is_taken(machine: Machine) -> None:
    versions = machine.home / ".pyenv" / "versions"
    for version in ("3.97.9", "3.97.10", "3.97.1"):
        machine.put(versions / version / "bin" / "python3.97", version)
    assert machine.find("3.97").stdout.startswith("3.97.10\t")


def test_a_shim_that_fails_does_not_hide_what_is_behind_it(machine: Machine) -> None:
    shim = machine.bin / "python3.97"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.97: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    path = machine.put(machine.home / ".pyenv/versions/3.97.2/bin/python3.97", "3.97.2")
    assert machine.find("3.97").stdout == f"3.97.2\t{path}\n"


def test_what_is_called_python_and_is_another_one_is_not_taken(machine: Machine) -> None:
    machine.put(machine.bin / "python3.97", RUNNING)
    done = machine.find("3.97")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "Not found: Python 3.97"
