"""The list of the environments that setup keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.system.environments import (
    FOLDER,
    KeptEnvironment,
    forget,
    keep,
    kept_at,
    kept_environments,
    python_named,
    read_kept,
)

NEMO = KeptEnvironment("nemo-3.0", "/data/nemo-3.0", "3.0")


def test_what_is_kept_is_listed_by_name_until_it_is_forgotten(tmp_path: Path) -> None:
    other = replace(NEMO, name="nemo-2.4", path="/mine", stack="2.4", made=False)
    for environment in (NEMO, other):
        keep(tmp_path, environment)
    assert list(kept_environments(tmp_path)) == [other, NEMO]
    forget(tmp_path, "nemo-2.4")
    forget(tmp_path, "nemo-2.4")
    assert list(kept_environments(tmp_path)) == [NEMO]


def test_a_new_state_replaces_the_earlier_one(tmp_path: Path) -> None:
    keep(tmp_path, NEMO)
    keep(tmp_path, replace(NEMO, ready=True, model="v3"))
    assert read_kept(tmp_path, "nemo-3.0") == replace(NEMO, ready=True, model="v3")


def test_without_a_list_nothing_is_kept(tmp_path: Path) -> None:
    assert list(kept_environments(tmp_path / "nowhere")) == []
    assert read_kept(tmp_path, "nemo-3.0") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"stack": "3.0"}',
        '{"path": 3, "stack": ""}',
        '{"path": "a/b", "stack": "3.0"}',
    ],
)
def test_a_file_that_is_none_of_ours_is_left_out(tmp_path: Path, text: str) -> None:
    keep(tmp_path, NEMO)
    (tmp_path / FOLDER / "other.json").write_text(text)
    (tmp_path / FOLDER / "nemo-3.0").mkdir()
    assert list(kept_environments(tmp_path)) == [NEMO]


def test_an_environment_is_found_by_its_python_its_folder_and_its_name(tmp_path: Path) -> None:
    keep(tmp_path, NEMO)
    assert kept_at(tmp_path, "/data/nemo-3.0/bin/python") == NEMO
    assert kept_at(tmp_path, "/data/nemo-3.0") == NEMO
    assert kept_at(tmp_path, "/data/nemo") is None
    assert python_named(tmp_path, "nemo-3.0") == "/data/nemo-3.0/bin/python"
    for other in ("python3", "/nemo-3.0", "./nemo-3.0", "", ".", "../nemo-3.0"):
        assert python_named(tmp_path, other) == other
