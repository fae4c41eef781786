from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.indexes import PackageSources
from parakeet_cli.doctor.repair.pip import Pip
from parakeet_cli.doctor.repair.plan import Change, Plan
from parakeet_cli.doctor.repair.resolve import Resolution
from parakeet_cli.doctor.repair.wheels import fetch, installed_size
from parakeet_cli.errors import Refused
from parakeet_cli.system.files import sha256_of

# A pip that copies one wheel, named by its first argument, into the folder that `-w` names.
MAKES = """
import shutil, sys
made, _, *arguments = sys.argv[1:]
if made == "fail":
    print("ERROR: No matching distribution found for six")
    sys.exit(1)
shutil.copy(made, arguments[arguments.index("-w") + 1])
"""


def fetched(made: str, change: Change, folder: Path) -> None:
    """Fetch a change with a pip that makes a wheel of that name ("fail": that fails)."""
    if made != "fail":
        made = str(whole_wheel(folder / "source", made))
    pip = Pip((sys.executable, "-c", MAKES, made), "24.1", sys.executable)
    fetch(pip, Resolution(Plan(), (change,), PackageSources()), folder)


def whole_wheel(folder: Path, file: str) -> Path:
    """A small wheel under that name."""
    folder.mkdir()
    name, version = file.split("-")[:2]
    version = version.replace("%2B", "+")
    info = f"{name}-{version}.dist-info"
    contents = {"METADATA": f"Name: {name}\nVersion: {version}\n", "RECORD": ""}
    with zipfile.ZipFile(folder / file, "w") as wheel:
        for member, text in contents.items():  # without the time, so that sums are equal
            wheel.writestr(zipfile.ZipInfo(f"{info}/{member}"), text)
    return folder / file


@pytest.mark.parametrize(
    ("made", "name", "version"),
    [
        ("six-1.16-py3-none-any.whl", "six", "1.16"),
        ("Ruamel.Yaml-0.18.0-cp311-cp311-linux_x86_64.whl", "ruamel-yaml", "0.18.0"),
        ("torch-2.8.0+cu128-cp311-cp311-linux_x86_64.whl", "torch", "2.8.0+cu128"),
        ("torch-2.8.0%2Bcu128-cp311-cp311-linux_x86_64.whl", "torch", "2.8.0+cu128"),
    ],
)
def test_a_wheel_is_known_by_its_name_and_version(
    made: str, name: str, version: str, tmp_path: Path
) -> None:
    fetched(made, Change(name, None, version), tmp_path)
    (made_here,) = tmp_path.glob("*.whl")
    again = tmp_path / "again"
    again.mkdir()
    fetched(
        made, Change(name, None, version, hashes=(sha256_of(made_here),), url="made.whl"), again
    )


@pytest.mark.parametrize("made", ["six-1.15-py3-none-any.whl", "seven-1.16-py3-none-any.whl"])
def test_a_wheel_that_was_not_made_is_refused(made: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"pip made no wheel of six 1\.16\. Nothing was changed"):
        fetched(made, Change("six", None, "1.16"), tmp_path)


def test_a_wheel_that_is_not_the_planned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="its hash differs"):
        fetched(
            "six-1.16-py3-none-any.whl",
            Change("six", None, "1.16", hashes=("0" * 64,), url="six.whl"),
            tmp_path,
        )


def test_pip_s_failure_is_a_refusal_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no suitable file of six"):
        fetched("fail", Change("six", None, "1.16"), tmp_path)


def test_installed_code_takes_its_size_twice_for_its_bytecode(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a/__init__.py", "x" * 100)
        wheel.writestr("a/native.so", "x" * 1000)
        wheel.writestr("a-1.data/data/share/a.txt", "x" * 10)
        wheel.writestr("a-1.data/data/etc/a.conf", "x")
    (tmp_path / "notes.txt").write_text("no wheel")
    found = installed_size(tmp_path)
    assert (found.size, found.files) == (100 + 100 + 1000 + 10 + 1, 5)
    assert found.data_folders == {"share", "etc"}
