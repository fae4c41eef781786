"""Environments that setup makes and removes, and the folders of other people that stay."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import Refused
from parakeet_cli.setup.environment import make, one_setup_at_a_time, place_of, remove, size_of
from parakeet_cli.setup.pythons import BasePython
from parakeet_cli.system.environments import KeptEnvironment, keep, kept_environments

BARE = BasePython(sys.executable, "3.11.7", has_pip=False)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA", "STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path / "data" / "parakeet"


def make_one(kept: KeptEnvironment, base: BasePython = BARE) -> None:
    with one_setup_at_a_time() as lock:
        make(kept, base, lock)


def test_an_environment_is_made_kept_and_removed_without_a_trace(data: Path) -> None:
    kept = place_of(None, "3.0")
    assert (kept.name, kept.path) == ("nemo-3.0", str(data / "environments" / "nemo-3.0"))
    make_one(kept)
    assert kept.python.exists()
    assert list(kept_environments(data)) == [kept] == [place_of(None, "3.0")]
    assert size_of(Path(kept.path)) > 0
    assert remove(kept)
    assert not data.exists()


def test_what_a_killed_setup_left_half_made_is_made_again(data: Path) -> None:
    kept = place_of(None, "3.0")
    make_one(kept)
    kept.python.unlink()
    (Path(kept.path) / "half").mkdir()
    make_one(kept)
    assert kept.python.exists()
    assert not (Path(kept.path) / "half").exists()


def test_a_folder_that_setup_did_not_make_is_never_removed(tmp_path: Path, data: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "pyvenv.cfg").touch()
    kept = place_of(str(mine), "3.0")
    assert (kept.name, kept.made) == ("mine", False)
    keep(data, kept)
    assert not remove(kept)
    assert (mine / "pyvenv.cfg").exists()
    # Not even if a row of the list says so.
    wrong = KeptEnvironment("wrong", str(mine), "3.0", made=True)
    keep(data, wrong)
    assert not remove(wrong)
    assert (mine / "pyvenv.cfg").exists()


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(Refused, match="not empty"):
        place_of(str(tmp_path / "full"), "3.0")
    with pytest.raises(Refused, match="not empty"):
        make_one(KeptEnvironment("full", str(tmp_path / "full"), "3.0"))
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]


def test_names_differ_from_each_other_and_from_setup_s_own(tmp_path: Path, data: Path) -> None:
    keep(data, KeptEnvironment("ml", "/somewhere/ml", "3.0"))
    assert place_of(str(tmp_path / "ml"), "3.0").name == "ml-2"
    assert place_of(str(tmp_path / "nemo-3.0"), "3.0").name == "my-nemo-3.0"
    assert place_of(str(tmp_path / "a b"), "3.0").name == "a-b"


def test_each_index_that_was_named_has_an_environment_of_its_own(data: Path) -> None:
    places = {index: place_of(None, "3.0", index) for index in (None, "cu126", "nightly/cu128")}
    assert [one.name for one in places.values()] == [
        "nemo-3.0",
        "nemo-3.0-cu126",
        "nemo-3.0-nightly-cu128",
    ]
    for index, kept in places.items():
        keep(data, replace(kept, torch_index=index or "cu130"))
    assert place_of(None, "3.0").name == "nemo-3.0"
    assert place_of(None, "3.0", "cu126").torch_index == "cu126"
    assert place_of(None, "3.0", "cu130").name == "nemo-3.0"  # which has it because of the GPU
    assert place_of(None, "2.4", "cu126").name == "nemo-2.4-cu126"
    url = "https://mirror.example/whl/cu126"
    assert place_of(None, "3.0", url).name == "nemo-3.0-cu126-2"
    keep(data, replace(place_of(None, "3.0", url), torch_index=url))
    assert place_of(None, "3.0", url).name == "nemo-3.0-cu126-2"


def test_a_python_that_can_not_make_one_is_refused_with_its_words(tmp_path: Path) -> None:
    false = tmp_path / "false"
    false.write_text("#!/bin/sh\necho no venv here >&2\nexit 1\n")
    false.chmod(0o755)
    with pytest.raises(Refused, match="exit code 1") as refused:
        make_one(place_of(None, "3.0"), BasePython(str(false), "3.11", has_pip=True))
    assert "no venv here" in (refused.value.hint or "")


def test_two_setups_at_once_are_refused() -> None:
    refused = pytest.raises(Refused, match="Another setup")
    with one_setup_at_a_time(), refused, one_setup_at_a_time():
        pass
    with one_setup_at_a_time():
        pass


def test_a_child_of_a_killed_setup_is_waited_for(tmp_path: Path) -> None:
    written = tmp_path / "written"
    code = (
        "import os, subprocess\n"
        "from parakeet_cli.setup.environment import one_setup_at_a_time\n"
        "with one_setup_at_a_time() as lock:\n"
        f"    subprocess.Popen(['sh', '-c', 'sleep 1; touch {written}'], pass_fds=(lock,))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with one_setup_at_a_time():
        assert written.exists()
