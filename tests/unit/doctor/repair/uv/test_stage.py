"""The real uv unpacks packages of an index made here, and they are moved into an environment."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.repair.plan import Change
from parakeet_cli.doctor.repair.uv.configuration import PipConfiguration, for_uv
from parakeet_cli.doctor.repair.uv.install import LOCK
from parakeet_cli.doctor.repair.uv.solve import UvFailed
from parakeet_cli.doctor.repair.uv.stage import Stage, stage
from parakeet_cli.system.files import sha256_of
from tests.integration.doctor.fake_stack import Environment, Wheel
from tests.integration.doctor.repairing import index

ONE = Wheel(
    "one",
    "2.0",
    ("two",),
    files={
        "one/__init__.py": "value = 2\n",
        "space/one.py": "",
        "one-2.0.data/data/share/one/notes.txt": "read me\n",
        "one-2.0.dist-info/entry_points.txt": "[console_scripts]\none-command = one:value\n",
    },
)
TWO = Wheel("two", "2.5", files={"two/__init__.py": "", "space/two.py": "", "space/both.py": "2"})
THREE = Wheel("three", "1.0", files={"three/__init__.py": "", "space/both.py": "3"})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("UV_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment.new(tmp_path / "env")


def change(folder: Path, wheel: Wheel) -> Change:
    (file,) = (folder / wheel.name).glob("*.whl")
    return Change(wheel.name, None, wheel.version, hashes=(sha256_of(file),), url=file.as_uri())


def staged(environment: Environment, folder: Path, *wheels: Wheel, **more: str) -> Stage:
    """These wheels, staged from an index in the folder, which may hold others."""
    work = environment.prefix / ".parakeet" / "id" / "work"
    work.mkdir(parents=True, exist_ok=True)
    changes = [replace(change(folder, wheel), **more) for wheel in wheels]  # type: ignore[arg-type]
    facts = gather_facts(str(environment.python), cache_folder=work / "cache")
    settings = for_uv(PipConfiguration({"index-url": folder.as_uri()}), {})
    target = work / f"stage-{len(list(work.iterdir()))}"
    return stage(facts, changes, (), settings, target, scratch=work)


def shown_by(environment: Environment, code: str) -> str:
    return subprocess.check_output([environment.python, "-B", "-c", code], text=True).strip()


def files(environment: Environment) -> set[str]:
    site = environment.site
    return {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}


def test_nothing_changes_until_a_step_moves_its_files(
    environment: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    index(folder, ONE, TWO, THREE)
    before = files(environment)
    found = staged(environment, folder, ONE, TWO, THREE)
    assert files(environment) == before
    assert {"bin", "share"} == found.size.data_folders
    found.move([change(folder, ONE)])
    assert shown_by(environment, "import one, space.one; print(one.value)") == "2"
    assert not (environment.site / "two").exists()
    assert (environment.prefix / "share" / "one" / "notes.txt").read_text() == "read me\n"
    script = environment.prefix / "bin" / "one-command"
    assert script.read_text().startswith(f"#!{environment.python}\n")
    found.move([change(folder, TWO), change(folder, THREE)])
    assert shown_by(environment, "import two, three, space.one, space.two, space.both") == ""
    left = {path.name for path in Path(found.folder).rglob("*") if path.is_file()}
    assert left <= {LOCK}


def test_what_lies_there_without_a_distribution_is_replaced_and_its_links_are_not_written_to(
    environment: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    index(folder, ONE)
    (environment.site / "one").mkdir()
    there = environment.site / "one" / "__init__.py"
    there.write_text("a person's own\n")
    os.link(there, tmp_path / "snapshot")
    staged(environment, folder, ONE).move([change(folder, ONE)])
    assert there.read_text() == "value = 2\n"
    assert (tmp_path / "snapshot").read_text() == "a person's own\n"


def test_a_folder_that_leads_out_of_the_environment_gets_nothing(
    environment: Environment, tmp_path: Path
) -> None:
    folder, outside = tmp_path / "index", tmp_path / "outside"
    index(folder, ONE)
    outside.mkdir()
    (environment.site / "one").symlink_to(outside)
    found = staged(environment, folder, ONE)
    with pytest.raises(OSError, match="leads out of"):
        found.move([change(folder, ONE)])
    assert not list(outside.iterdir())


def cached(cache: Path) -> Iterator[Path]:
    return cache.rglob("one/__init__.py")


@pytest.mark.parametrize("damage", ["", "value = 3\n"])
def test_a_file_that_was_damaged_in_uvs_cache_is_noticed(
    environment: Environment, tmp_path: Path, cache: Path, damage: str
) -> None:
    """As through another environment, whose files are linked to the cache."""
    folder = tmp_path / "index"
    index(folder, ONE)
    staged(environment, folder, ONE)
    (file,) = cached(cache)
    file.write_text(damage)
    with pytest.raises(UvFailed, match=r"one/__init__\.py is not the file"):
        staged(environment, folder, ONE)


def test_a_file_that_is_not_the_planned_one_is_refused(
    environment: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    index(folder, ONE)
    with pytest.raises(UvFailed, match="sha256:"):
        staged(environment, folder, ONE, hashes=("0" * 64,))  # type: ignore[arg-type]
    with pytest.raises(UvFailed, match="no sum of one is known"):
        staged(environment, folder, ONE, hashes=())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pyvenv.cfg", "would replace a file of the environment's own"),
        (".parakeet/x/journal", "would replace a file of the environment's own"),
        ("bad-1.0.data/data/pyvenv.cfg", "would replace|no part of an environment"),
        ("bad-1.0.data/data/elsewhere/x.txt", "belongs to no part of an environment"),
        ("bad-1.0.data/scripts/python3", "would replace|reserved name"),
    ],
)
def test_a_wheel_that_brings_what_no_package_should_is_refused(
    environment: Environment, tmp_path: Path, name: str, message: str
) -> None:
    folder = tmp_path / "index"
    bad = Wheel("bad", "1.0", files={"bad/__init__.py": "", name: "x"})
    index(folder, bad)
    before = files(environment)
    with pytest.raises(UvFailed, match=message):
        staged(environment, folder, bad)
    assert files(environment) == before


@pytest.mark.parametrize(
    "name",
    [
        "other-3.0.egg-info",
        "other-3.0.egg-info/PKG-INFO",
        "OTHER-3.0.DIST-INFO/METADATA",
        "bad-1.0.data/purelib/other-3.0.dist-info/METADATA",
        "bad-1.0.data/platlib/other-3.0.dist-info/RECORD",
    ],
)
def test_a_wheel_that_describes_another_package_is_refused(
    environment: Environment, tmp_path: Path, name: str
) -> None:
    """pip would remove the files that such a RECORD names with the other package."""
    folder = tmp_path / "index"
    bad = Wheel("bad", "1.0", files={"bad/__init__.py": "", name: "Name: other\nVersion: 3.0\n"})
    index(folder, bad)
    with pytest.raises(UvFailed, match=r"describes another package|Multiple \.dist-info"):
        staged(environment, folder, bad)


def test_a_link_that_was_put_into_uvs_cache_is_noticed(
    environment: Environment, tmp_path: Path, cache: Path
) -> None:
    folder, outside = tmp_path / "index", tmp_path / "outside"
    index(folder, ONE)
    outside.mkdir()
    staged(environment, folder, ONE)
    (file,) = cached(cache)
    (file.parent / "more").symlink_to(outside)
    with pytest.raises(UvFailed, match=r"one/more is in no RECORD"):
        staged(environment, folder, ONE)


def test_nothing_is_linked_to_a_cache_that_others_can_write_into(
    environment: Environment, tmp_path: Path, cache: Path
) -> None:
    folder = tmp_path / "index"
    index(folder, ONE)
    staged(environment, folder, ONE).move([change(folder, ONE)])
    (file,) = cached(cache)
    there = environment.site / "one" / "__init__.py"
    assert there.samefile(file)
    there.unlink()
    cache.chmod(0o777)
    staged(environment, folder, ONE).move([change(folder, ONE)])
    assert there.read_text() == "value = 2\n"
    assert not there.samefile(file)


def test_a_file_that_record_does_not_list_is_refused(
    environment: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    index(folder, ONE)
    (file,) = (folder / "one").glob("*.whl")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("one/more.py", "")
    with pytest.raises(UvFailed, match=r"RECORD has no sum of .one/more|is in no RECORD"):
        staged(environment, folder, ONE)
