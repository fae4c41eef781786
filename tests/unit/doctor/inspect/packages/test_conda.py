from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import CondaRecord, Distribution, WrongSize
from parakeet_cli.doctor.inspect.interpreter import read_interpreter
from parakeet_cli.doctor.inspect.packages.conda import read_conda_records, with_conda_files
from tests.doctor_facts import OnDisk

SITE = "lib/python3.11/site-packages"
LIBRARY = b"\x7fELF" + bytes(96)


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    made = OnDisk.new(tmp_path / "c")
    (made.prefix / "conda-meta").mkdir()
    return made


def record(env: OnDisk, name: str, files: dict[str, bytes], **more: object) -> None:
    """A package's files, and the record that conda writes of them."""
    rows = []
    for path, data in files.items():
        file = env.prefix / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        row = {"_path": path, "path_type": "hardlink", "size_in_bytes": len(data)}
        rows.append({**row, "sha256": hashlib.sha256(data).hexdigest(), **more})
    written = {"files": list(files), "paths_data": {"paths_version": 1, "paths": rows}}
    (env.prefix / "conda-meta" / f"{name}-1.0-h0_0.json").write_text(json.dumps(written))


def read(env: OnDisk, *, deep: bool = False) -> tuple[CondaRecord, ...]:
    return read_conda_records(read_interpreter(env.python, {"HOME": "/nowhere"}), deep=deep)


def test_records_name_the_distributions_among_their_files(env: OnDisk) -> None:
    files = {
        "cuda-toolkit-12.8.1-ha804496_0.json": [],
        "py-opencv-4.9.0-py311_0.json": [f"{SITE}/opencv_python-4.9.0.dist-info/METADATA"],
        "pytorch-2.5.1-py311_0.json": [f"{SITE}/torch-2.5.1-py3.11.egg-info/PKG-INFO"],
        "sox-14.4.2-h0_0.json": ["bin/sox"],
    }
    for name, listed in files.items():
        (env.prefix / "conda-meta" / name).write_text(json.dumps({"files": listed}))
    (env.prefix / "conda-meta" / "history").write_text(f"{SITE}/never-1.0.dist-info/METADATA")
    (env.prefix / "conda-meta" / "torn-1.0-h0_0.json").write_text('{"files": [')
    assert read(env) == (
        CondaRecord("cuda-toolkit", "12.8.1"),
        CondaRecord("py-opencv", "4.9.0", (("opencv-python", "4.9.0"),)),
        CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),)),
        CondaRecord("sox", "14.4.2"),
        CondaRecord("torn", "1.0"),
    )


@pytest.mark.parametrize("path", ["lib/libx.so.1", "lib/python3.11/json/tool.py", "bin/sox"])
def test_a_file_that_is_cut_short_is_found(env: OnDisk, path: str) -> None:
    record(env, "x", {path: LIBRARY, "share/doc/readme.txt": b"read me"})
    assert read(env)[0].damaged == ()
    (env.prefix / path).write_bytes(LIBRARY[:50])
    (env.prefix / "share/doc/readme.txt").write_bytes(b"")
    (found,) = read(env)
    assert found.resized == (WrongSize(path, 50, 100),)


def test_what_a_person_edited_or_conda_rewrote_is_not_damaged(env: OnDisk) -> None:
    record(env, "edited", {"lib/python3.11/edited.py": b"X = 1\n"})
    (env.prefix / "lib/python3.11/edited.py").write_bytes(b"X = 100\n")
    record(env, "text", {"bin/script": SCRIPT}, prefix_placeholder="/opt/long", file_mode="text")
    (env.prefix / "bin/script").write_bytes(b"#!/a\n")
    assert [one.damaged for one in read(env)] == [(), ()]


SCRIPT = b"#!/opt/long/long/python\n"


def test_with_deep_the_content_is_compared(env: OnDisk) -> None:
    record(env, "x", {"lib/libx.so": LIBRARY})
    assert read(env, deep=True)[0].altered == ()
    (env.prefix / "lib/libx.so").write_bytes(LIBRARY[::-1])
    assert read(env)[0].damaged == ()
    assert read(env, deep=True)[0].altered == ("lib/libx.so",)


def test_a_prefix_in_a_program_changes_its_content_but_not_its_size(env: OnDisk) -> None:
    record(env, "x", {"lib/libx.so": LIBRARY}, prefix_placeholder="/opt/long", file_mode="binary")
    (env.prefix / "lib/libx.so").write_bytes(LIBRARY[::-1])
    assert read(env, deep=True)[0].damaged == ()
    (env.prefix / "lib/libx.so").write_bytes(b"")
    assert read(env)[0].resized == (WrongSize("lib/libx.so", 0, 100),)


def test_a_file_without_a_recorded_size_is_not_read_however_large_it_has_become(
    env: OnDisk,
) -> None:
    record(env, "x", {"bin/x": b"#!/opt/python"}, size_in_bytes=None)
    assert read(env, deep=True)[0].altered == ()
    with (env.prefix / "bin/x").open("r+b") as file:
        file.truncate(8 << 40)  # of which nothing is on the disk; reading it would take an hour
    assert read(env, deep=True)[0].altered == ("bin/x",)


# Whose a file is

ONE = Distribution("one", "1.0", f"/c/{SITE}", f"/c/{SITE}/one-1.0.dist-info", conda=True)
FILE = WrongSize(f"{SITE}/one/a.py", 1, 9)
RECORD = CondaRecord(
    "py-one",
    "1.0",
    (("one", "1.0"),),
    (FILE, WrongSize("lib/libx.so", 0, 9)),
    (f"{SITE}/one/b.py",),
)
LEFT = (replace(RECORD, resized=RECORD.resized[1:], altered=()),)


def test_a_file_of_a_python_package_is_told_of_its_distribution_alone() -> None:
    (dist,), records = with_conda_files([ONE], [RECORD])
    assert dist.resized == (WrongSize("one/a.py", 1, 9),)
    assert dist.altered == ("one/b.py",)
    assert records == LEFT


def test_what_pip_has_replaced_is_no_longer_condas() -> None:
    pip = replace(ONE, conda=False)
    assert with_conda_files([pip], [RECORD]) == ((pip,), LEFT)
    assert with_conda_files([], [RECORD]) == ((), LEFT)
