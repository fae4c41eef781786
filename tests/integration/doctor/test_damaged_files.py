"""Truncated and emptied files in a real environment without pip: found, planned and repaired."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect.interpreter import read_interpreter
from tests.integration.doctor.fake_stack import digest

pytestmark = pytest.mark.slow

CODE = "VALUE = 1\nOTHER = 2\n"
Doctor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The site folder of a virtual environment that this Python makes."""
    command = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")]
    subprocess.run(command, check=True)
    return Path(read_interpreter(tmp_path / "env" / "bin" / "python", {}).site_packages)


@pytest.fixture
def doctor(site: Path, tmp_path: Path) -> Doctor:
    """Runs the doctor on that environment, with a folder of wheels and without a network."""
    (tmp_path / "wheels").mkdir()

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        python = tmp_path / "env" / "bin" / "python"
        command = [sys.executable, "-m", "parakeet_cli", "doctor", "--python", str(python)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        return subprocess.run(
            [*command, "--only", "broken-dists", *options],
            capture_output=True,
            text=True,
            env={**environment, "PIP_CONFIG_FILE": os.devnull},
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


def contents(name: str) -> dict[str, str]:
    """The files of a wheel of one module, with the sizes of each in its RECORD."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": CODE,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    rows = [f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items()]
    return {**files, f"{info}/RECORD": "".join([*rows, f"{info}/RECORD,,\n"])}


def install(site: Path, name: str) -> Path:
    """Install it as pip would; its module."""
    for path, text in {**contents(name), f"{name}-1.0.dist-info/INSTALLER": "pip\n"}.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    return site / name / "__init__.py"


def build(folder: Path, name: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in contents(name).items():
            wheel.writestr(path, text)


@pytest.mark.parametrize("left", ["", CODE[:12]], ids=["emptied", "truncated"])
def test_a_damaged_file_is_found_planned_and_repaired(
    site: Path, doctor: Doctor, tmp_path: Path, left: str
) -> None:
    module = install(site, "einops")
    assert doctor().returncode == 0
    module.write_text(left)
    found = json.loads(doctor("--json").stdout)["findings"][0]
    assert (found["id"], found["status"]) == ("broken-dists", "fail")
    assert f"einops/__init__.py ({len(left)} of {len(CODE)} bytes)" in found["detail"]

    build(tmp_path / "wheels", "einops")
    house = ("--wheelhouse", str(tmp_path / "wheels"))
    plan = json.loads(doctor("--fix", "--dry-run", "--json", *house).stdout)["plan"]
    assert [change for step in plan for change in step["changes"]] == [
        {"name": "einops", "from": "1.0", "to": "1.0"}
    ]
    assert module.read_text() == left
    repaired = doctor("--fix", "--yes", *house)
    assert "einops 1.0 reinstalled" in repaired.stdout, repaired.stderr
    assert module.read_text() == CODE
    assert doctor().returncode == 0


def test_a_damaged_file_that_nothing_can_replace_does_not_prevent_the_other_repairs(
    site: Path, doctor: Doctor, tmp_path: Path
) -> None:
    """A package of one's own, or a release that was withdrawn: no index has it."""
    modules = [install(site, name) for name in ("einops", "private")]
    for module in modules:
        module.write_text("")
    build(tmp_path / "wheels", "einops")
    house = ("--wheelhouse", str(tmp_path / "wheels"))
    planned = doctor("--fix", "--dry-run", *house)
    assert "einops 1.0, reinstalled" in planned.stdout, planned.stderr
    done = doctor("--fix", "--yes", *house)
    assert done.returncode == 1, done.stderr
    assert [module.read_text() for module in modules] == [CODE, ""]
    for output in (planned.stdout, done.stdout):
        assert "remains" in output
        assert "private" in output.partition("remains")[2]


def test_if_nothing_can_be_replaced_nothing_is_changed(site: Path, doctor: Doctor) -> None:
    module = install(site, "private")
    module.write_text("")
    done = doctor("--fix", "--yes", "--wheelhouse", str(site.parents[3] / "wheels"))
    assert done.returncode == 6
    assert "private" in done.stderr
    assert module.read_text() == ""


def test_the_command_to_do_it_by_hand_works_where_the_environment_has_no_pip(
    site: Path, doctor: Doctor, tmp_path: Path
) -> None:
    module = install(site, "einops")
    module.write_text("")
    remedy = json.loads(doctor("--json").stdout)["findings"][0]["remedy"]
    by_hand = remedy.splitlines()[1].removeprefix("by hand: ")
    assert not by_hand.startswith(str(tmp_path))  # its Python has no module pip
    build(tmp_path / "wheels", "einops")
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    subprocess.run(by_hand, shell=True, check=True, env=environment, capture_output=True)
    assert module.read_text() == CODE


def test_code_of_the_right_size_is_compared_by_deep_and_by_fix(
    site: Path, doctor: Doctor, tmp_path: Path
) -> None:
    module = install(site, "einops")
    module.write_text(CODE.replace("1", "7"))
    assert doctor().returncode == 0
    found = json.loads(doctor("--deep", "--json").stdout)["findings"][0]
    assert "its SHA-256 isn't RECORD's" in found["detail"]
    build(tmp_path / "wheels", "einops")
    repaired = doctor("--fix", "--yes", "--wheelhouse", str(tmp_path / "wheels"))
    assert "einops 1.0 reinstalled" in repaired.stdout, repaired.stderr
    assert module.read_text() == CODE
