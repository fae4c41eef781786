"""The real uv, asked for the files of packages that lie on indexes made here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.uv.configuration import PipConfiguration, UvSettings, for_uv
from parakeet_cli.doctor.repair.uv.lock import RequirementList, lock
from parakeet_cli.doctor.repair.uv.solve import Uv, UvFailed, find_uv
from parakeet_cli.system.files import sha256_of
from tests.integration.doctor.fake_stack import Wheel
from tests.integration.doctor.repairing import index
from tests.unit.doctor.repair.facts import facts

ONE = Wheel("one", "2.0", ("two<3", 'four; extra == "more"'))
TWO = Wheel("two", "2.5")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))


def uv() -> Uv:
    return Uv(find_uv(facts()).executable, sys.executable, ())


def settings(folder: Path) -> UvSettings:
    return for_uv(PipConfiguration({"index-url": folder.as_uri()}), {})


def test_each_package_has_its_file_sum_and_what_it_requires(tmp_path: Path) -> None:
    index(tmp_path, ONE, TWO)
    one, two = lock(uv(), [RequirementList(("one",))], settings(tmp_path))
    file = tmp_path / "one" / "one-2.0-py3-none-any.whl"
    assert (one.name, one.version, one.url) == ("one", "2.0", file.as_uri())
    assert one.hashes in ((), (sha256_of(file),))  # of a file on the disk, if the index says none
    assert one.requires == ("two",)
    assert two.requires == ()


def test_the_sums_that_an_index_says_are_taken(tmp_path: Path) -> None:
    index(tmp_path, TWO)
    file = tmp_path / "two" / "two-2.5-py3-none-any.whl"
    page = f'<a href="{file.name}#sha256={sha256_of(file)}">{file.name}</a>'
    (tmp_path / "two" / "index.html").write_text(page)
    (two,) = lock(uv(), [RequirementList(("two==2.5",))], settings(tmp_path))
    assert two.hashes == (sha256_of(file),)


def test_lists_are_locked_by_themselves_and_one_without_dependencies(tmp_path: Path) -> None:
    index(tmp_path, ONE, TWO)
    lists = [RequirementList(("two",)), RequirementList(("one",), alone=True)]
    assert [one.name for one in lock(uv(), lists, settings(tmp_path))] == ["two", "one"]
    assert lock(uv(), [], settings(tmp_path)) == []


def test_of_a_complete_list_nothing_else_is_locked(tmp_path: Path) -> None:
    index(tmp_path, ONE, TWO)
    (one,) = lock(uv(), [RequirementList(("one==2.0",), complete=True)], settings(tmp_path))
    assert (one.name, one.requires) == ("one", ("two",))


def test_without_a_solution_there_is_no_lock(tmp_path: Path) -> None:
    index(tmp_path, ONE, TWO)
    with pytest.raises(UvFailed):
        lock(uv(), [RequirementList(("one", "two>=3"))], settings(tmp_path))


def test_a_requirement_that_names_a_file_is_not_locked(tmp_path: Path) -> None:
    index(tmp_path, TWO)
    file = tmp_path / "two" / "two-2.5-py3-none-any.whl"
    with pytest.raises(UvFailed, match="isn't understood"):
        lock(uv(), [RequirementList((f"two @ {file.as_uri()}",))], settings(tmp_path))
