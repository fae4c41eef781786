from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.wheel_members import objection

INFO = "six-1.16.dist-info"
LINK = (stat.S_IFLNK | 0o777) << 16


def build(folder: Path, files: dict[str, str], *, link: str = "", record: str = "") -> Path:
    """A wheel of six 1.16 with its sums in RECORD; `files` are added or take others' places."""
    contents = {
        "six.py": "VALUE = 1\n",
        f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: six\nVersion: 1.16\n",
        **files,
    }
    rows = []
    path = folder / "six-1.16-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, text in contents.items():
            item = zipfile.ZipInfo(name)
            item.external_attr = LINK if name == link else (stat.S_IFREG | 0o644) << 16
            wheel.writestr(item, text, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            rows.append(f'"{name}",sha256={digest.decode().rstrip("=")},{len(text)}\n')
        wheel.writestr(f"{INFO}/RECORD", "".join(rows) + record)
    return path


def test_a_wheel_with_scripts_data_and_commands_is_taken(tmp_path: Path) -> None:
    files = {
        "six-1.16.data/scripts/six-tool": "#!python\n",
        "six-1.16.data/data/share/six/notes": "",
        "six-1.16.data/data/bin/python-six": "",
        "six-1.16.data/purelib/more.py": "",
        f"{INFO}/entry_points.txt": "[console_scripts]\nsix = six.main:run [extra]\nsix-2=six:x\n",
        f"{INFO}/licenses/LICENSE": "",
    }
    assert objection(build(tmp_path, files), "six", "1.16", sums=True) is None


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "six/../../outside",
        "/etc/canary",
        "C:/canary",
        "..\\outside",
        "six/./six.py",
        "six//six.py",
        "six-1.16.data/data/../../outside",
        "six-1.16.data/data//etc/canary",
        "six-1.16.data/elsewhere/canary",
        "six-1.16.data/canary",
        "other-1.data/data/canary",
        "six-1.16.data/data/pyvenv.cfg",
        "six-1.16.data/data/.parakeet/1/journal",
        "six-1.16.data/data/bin/python3",
        "six-1.16.data/scripts/python3.11",
        "six-1.16.data/scripts/activate",
        "numpy-2.0.dist-info/METADATA",
        "numpy-2.0.egg-info/PKG-INFO",
    ],
)
def test_a_file_where_no_package_s_files_belong_is_refused(name: str, tmp_path: Path) -> None:
    assert objection(build(tmp_path, {name: "canary"}), "six", "1.16") is not None


def test_a_link_is_refused(tmp_path: Path) -> None:
    found = objection(build(tmp_path, {"six": "/etc/passwd"}, link="six"), "six", "1.16")
    assert found is not None
    assert "is a link" in found


@pytest.mark.parametrize(
    "name",
    [
        "other-3.0.egg-info",
        "other-3.0.dist-info",
        "other-3.0.dist-info/METADATA",
        "other.EGG-INFO/PKG-INFO",
        "six-1.16.data/purelib/other-3.0.dist-info/METADATA",
        "six-1.16.data/platlib/six-1.16.dist-info/METADATA",
        "six-1.16.data/data/lib/python3.12/site-packages/other-3.0.dist-info/RECORD",
    ],
)
def test_a_second_description_of_a_package_is_refused(name: str, tmp_path: Path) -> None:
    wrong = objection(build(tmp_path, {name: "Name: other\n"}), "six", "1.16")
    assert wrong is not None
    assert "describe" in wrong


@pytest.mark.parametrize("row", ["../../outside,,\n", "/etc/canary,sha256=x,1\n", '"C:\\x",,\n'])
def test_a_record_that_names_what_is_outside_is_refused(row: str, tmp_path: Path) -> None:
    found = objection(build(tmp_path, {}, record=row), "six", "1.16")
    assert found is not None
    assert "leads out" in found


@pytest.mark.parametrize("sum_of", ["sha256=AAAA", "sha256=é", "md5=AAAA", "x"])
def test_a_sum_that_disagrees_is_refused(sum_of: str, tmp_path: Path) -> None:
    path = build(tmp_path, {}, record=f"six.py,{sum_of},1\n")
    assert objection(path, "six", "1.16") is None
    assert objection(path, "six", "1.16", sums=True) is not None


@pytest.mark.parametrize(
    "line",
    [
        "../../outside = six:run",
        "a/b = six:run",
        ".. = six:run",
        "python3 = six:run",
        "six = six:run; import os",
        "six = ../six:run",
        "six",
        "no section",
    ],
)
def test_a_command_that_would_be_written_elsewhere_is_refused(line: str, tmp_path: Path) -> None:
    text = line if line == "no section" else f"[console_scripts]\n{line}\n"
    path = build(tmp_path, {f"{INFO}/entry_points.txt": text})
    assert objection(path, "six", "1.16") is not None


@pytest.mark.parametrize(
    ("name", "version"), [("numpy", "1.16"), ("six", "1.15"), ("six", "nonsense")]
)
def test_metadata_of_another_package_is_refused(name: str, version: str, tmp_path: Path) -> None:
    path = build(tmp_path, {f"{INFO}/METADATA": f"Name: {name}\nVersion: {version}\n"})
    assert objection(path, "six", "1.16") is not None


def test_a_file_that_is_in_it_twice_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path, {})
    with zipfile.ZipFile(path, "a") as wheel, pytest.warns(UserWarning, match="Duplicate"):
        wheel.writestr("six.py", "VALUE = 2\n")
    found = objection(path, "six", "1.16")
    assert found is not None
    assert "twice" in found


def test_any_damage_is_an_objection_or_changes_nothing_that_is_installed(tmp_path: Path) -> None:
    whole = build(tmp_path, {"six/more.py": "x = 1\n" * 50})
    data = whole.read_bytes()
    path = tmp_path / "damaged.whl"

    def installed(wheel: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(wheel) as file:
            return {name: file.read(name) for name in file.namelist() if "RECORD" not in name}

    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        found = objection(path, "six", "1.16", sums=True)
        assert found is not None or installed(path) == installed(whole)
        path.write_bytes(data[:at])
        assert objection(path, "six", "1.16", sums=True) is not None
