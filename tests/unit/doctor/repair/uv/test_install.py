"""The real uv installs wheels that are made here into a real environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.plan import Change
from parakeet_cli.doctor.repair.uv import install
from parakeet_cli.doctor.repair.uv.install import LOCK, UvInstaller
from parakeet_cli.doctor.repair.uv.solve import UvFailed, find_uv
from tests.integration.doctor.fake_stack import Environment, Wheel
from tests.unit.doctor.repair.facts import facts

OLD = Wheel("one", "1.0", files={"one/__init__.py": "value = 1\n", "one/gone.py": ""})
NEW = Wheel(
    "one",
    "2.0",
    ("nowhere",),  # which is none of the changes
    files={
        "one/__init__.py": "value = 2\n",
        "one-2.0.dist-info/entry_points.txt": "[console_scripts]\none-command = one:value\n",
    },
)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment.new(tmp_path / "env")


def installer(environment: Environment, *wheels: Wheel) -> UvInstaller:
    work = environment.prefix / ".parakeet" / "work"
    folder = work / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        wheel.build(folder)
    return UvInstaller(
        find_uv(facts()).executable,
        str(environment.python),
        str(environment.prefix),
        str(environment.site),
        folder,
        work,
        (),
    )


def change(wheel: Wheel) -> Change:
    return Change(wheel.name, None, wheel.version)


def shown_by(environment: Environment, code: str) -> str:
    return subprocess.check_output([environment.python, "-B", "-c", code], text=True).strip()


def test_exactly_the_changes_are_installed_over_what_is_there(
    environment: Environment,
) -> None:
    installer(environment, OLD).install([change(OLD)])
    assert shown_by(environment, "import one; print(one.value)") == "1"
    other = Wheel("other", "1.0")
    time = environment.prefix.stat().st_mtime_ns
    installer(environment, NEW, other).install([change(NEW)])
    assert shown_by(environment, "import one; print(one.value)") == "2"
    assert not (environment.site / "one" / "gone.py").exists()
    assert not (environment.site / "other").exists()
    assert (environment.prefix / "bin" / "one-command").exists()
    assert environment.prefix.stat().st_mtime_ns == time
    assert not (environment.prefix / LOCK).exists()


def test_the_same_version_is_installed_again(environment: Environment) -> None:
    installer(environment, OLD).install([change(OLD)])
    (environment.site / "one" / "__init__.py").write_text("")
    installer(environment, OLD).install([change(OLD)])
    assert shown_by(environment, "import one; print(one.value)") == "1"


def test_nothing_is_written_into_a_file_that_a_snapshot_is_linked_to(
    environment: Environment, tmp_path: Path
) -> None:
    """It lies there though no distribution says so, as after its metadata was removed."""
    (environment.site / "one").mkdir()
    there = environment.site / "one" / "__init__.py"
    there.write_text("a person's own\n")
    os.link(there, tmp_path / "snapshot")
    installer(environment, NEW).install([change(NEW)])
    assert there.read_text() == "value = 2\n"
    assert (tmp_path / "snapshot").read_text() == "a person's own\n"


def test_installed_files_belong_to_no_cache(environment: Environment) -> None:
    uv = installer(environment, NEW)
    uv.install([change(NEW)])
    subprocess.run(["rm", "-r", uv.work], check=True)
    files = [path for path in (environment.site / "one").rglob("*") if path.is_file()]
    assert {path.stat().st_nlink for path in files} == {1}


def test_a_lock_file_that_was_there_stays(environment: Environment) -> None:
    (environment.prefix / LOCK).write_text("")
    installer(environment, OLD).install([change(OLD)])
    assert (environment.prefix / LOCK).exists()


def test_a_wheel_that_is_missing_is_fetched_from_nowhere(environment: Environment) -> None:
    with pytest.raises(UvFailed):
        installer(environment, OLD).install([change(NEW)])
    assert not (environment.prefix / LOCK).exists()


def test_without_uv_there_is_no_installer(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: object) -> None:
        raise UvFailed("it isn't installed")

    work = environment.prefix
    assert install.find_installer(facts(), work, work, ()) is not None
    monkeypatch.setattr(install, "find_uv", missing)
    assert install.find_installer(facts(), work, work, ()) is None
