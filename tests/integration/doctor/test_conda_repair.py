"""Repairs and rollbacks in real conda environments, which py-rattler makes from a local channel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.doctor.conda import (
    MINOR,
    REAL_CONDA,
    SITE,
    CondaPackage,
    distribution_files,
    fill_channel,
    install,
    python_package,
)
from tests.integration.doctor.fake_stack import Environment
from tests.integration.doctor.repairing import RepairCase, pinned_wheels, tree

pytest.importorskip("rattler", reason="py-rattler isn't installed")
pytestmark = REAL_CONDA

SPECS = ["python", "numpy", "fsspec", "sox"]


def packages() -> list[CondaPackage]:
    """A NumPy too new for the stack, with a program and tests of its own; fsspec; sox."""
    numpy = {
        "numpy/__init__.py": b"__version__ = '2.4.6'\n",
        "numpy/only_condas.py": b"",
        "numpy/version.py": b"",
    }
    files = distribution_files("numpy", "2.4.6", numpy, site=SITE)
    # What conda-build adds to a package and pip's RECORD doesn't name.
    files["bin/f2py"] = f"#!/usr/bin/env python{MINOR}\n".encode()
    files["share/numpy/notes.txt"] = b"conda's own\n"
    fsspec = {"fsspec/__init__.py": b"", "fsspec/only_condas.py": b""}
    return [
        python_package(),
        CondaPackage("numpy", "2.4.6", files, depends=("python",)),
        CondaPackage(
            "fsspec",
            "2023.1.0",
            distribution_files("fsspec", "2023.1.0", fsspec),
            depends=("python",),
            noarch=True,
        ),
        CondaPackage("extra", "1.0", {"share/extra": b"extra\n"}),
        CondaPackage("sox", "14.4.2", {"bin/sox": b"\x7fELF", "share/sox/readme": b"sox\n"}),
    ]


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channel")
    fill_channel(folder, packages())
    return folder


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for wheel in pinned_wheels().values():
        wheel.build(folder)
    return folder


@pytest.fixture
def case(channel: Path, wheelhouse: Path, tmp_path: Path) -> RepairCase:
    """conda's NumPy and fsspec, and the rest of the stack by pip."""
    env = Environment(tmp_path / "env")
    install(channel, env.prefix, SPECS, tmp_path / "cache")
    wheels = [one for name, one in pinned_wheels().items() if name not in ("numpy", "fsspec")]
    env.install(wheels, tmp_path / "wheels-of-pip")
    (tmp_path / "channel").symlink_to(channel)
    return RepairCase(env, tmp_path, wheelhouse)


def conda_packages(env: Environment) -> dict[str, str]:
    """What conda takes for installed: package -> version, by conda's own reader."""
    from rattler import PrefixRecord

    records = [PrefixRecord.from_path(path) for path in (env.prefix / "conda-meta").glob("*.json")]
    return {record.name.normalized: str(record.version) for record in records}


def files(case: RepairCase) -> dict[str, tuple[object, ...]]:
    """The tree without what Python compiles of its own library when it first runs."""
    own = f"lib/python{MINOR}"
    return {
        name: entry
        for name, entry in case.tree().items()
        if name not in (own, ".") and not name.startswith((f"{own}/__pycache__", ".parakeet"))
    }


def test_what_pip_takes_the_place_of_goes_whole_and_comes_back_with_a_rollback(
    case: RepairCase, channel: Path
) -> None:
    before = files(case)
    plan = case.plan()
    assert "remove --force --yes --prefix" in plan[0]["commands"][0]
    assert plan[0]["commands"][0].endswith(" numpy")
    done = case.fix()
    assert done.returncode == 0, done.stderr
    # Not half removed: neither a file nor the record of what conda had.
    assert conda_packages(case.environment).keys() == {"python", "sox"}
    after = files(case)
    for name in ("numpy/only_condas.py", "fsspec/only_condas.py", "numpy-2.4.6.dist-info"):
        assert f"{SITE}/{name}" not in after
    assert not {"bin/f2py", "share/numpy/notes.txt", "share/numpy"} & after.keys()
    assert after["bin/sox"] == before["bin/sox"]
    assert case.versions()["numpy"] == "1.26.4"
    assert case.run().returncode == 0
    # conda goes on from there, and leaves alone what is pip's.
    install(channel, case.environment.prefix, ["python", "sox", "extra"], case.tmp / "cache")
    assert conda_packages(case.environment).keys() == {"python", "sox", "extra"}
    assert case.run().returncode == 0
    assert case.versions()["numpy"] == "1.26.4"
    (case.environment.prefix / "share" / "extra").unlink()
    next((case.environment.prefix / "conda-meta").glob("extra-*")).unlink()

    back = case.run("rollback")
    assert back.returncode == 0, back.stderr
    restored = files(case)
    for folder in ("conda-meta", "share"):  # which conda itself has changed since
        restored[folder] = before[folder]
    assert {name for name in restored if restored.get(name) != before.get(name)} <= {
        "conda-meta/history"
    }
    assert conda_packages(case.environment)["numpy"] == "2.4.6"


def test_a_step_that_fails_puts_back_condas_packages_too(case: RepairCase) -> None:
    spoiled = case.tmp / "spoiled"
    spoiled.mkdir()
    for path in case.wheelhouse.iterdir():
        if not path.name.startswith("fsspec-"):
            os.link(path, spoiled / path.name)
    clash = {"fsspec/__init__.py": "", "clash": "", "clash/inside.py": ""}
    replace(pinned_wheels()["fsspec"], files=clash).build(spoiled)
    case.wheelhouse = spoiled
    before = files(case)
    done = case.fix()
    assert done.returncode == 4, done.stderr
    assert "Everything was put back" in done.stderr
    assert files(case) == before


def test_pips_release_over_condas_is_kept_whole_and_the_rest_of_condas_goes(
    case: RepairCase,
) -> None:
    assert case.fix().returncode == 0
    env = case.environment
    install_again = case.tmp / "again"
    # conda puts its release over pip's, as `conda install numpy` does; then pip its own once more.
    install(case.tmp / "channel", env.prefix, SPECS, install_again)
    env.install([pinned_wheels()["numpy"]], case.tmp / "once-more")
    assert conda_packages(env)["numpy"] == "2.4.6"
    told = json.loads(case.run("--json").stdout)
    by_id = {one["id"]: one for one in told["findings"]}
    assert by_id["duplicate-dists"]["status"] == "fail"
    assert "numpy: conda's record says 2.4.6, pip's 1.26.4" in by_id["duplicate-dists"]["detail"]
    assert "remove --force --yes" in by_id["duplicate-dists"]["remedy"]
    done = case.fix()
    assert done.returncode == 0, done.stderr
    assert "numpy" not in conda_packages(env)
    assert not (env.prefix / "bin" / "f2py").exists()
    assert not (env.site / "numpy" / "only_condas.py").exists()
    assert (env.site / "numpy" / "__init__.py").is_file()
    assert case.run().returncode == 0


def test_of_environments_with_one_cache_a_repair_or_removal_changes_one_alone(
    case: RepairCase, channel: Path
) -> None:
    """conda links the same files into every environment: nothing is written into them."""
    others = [Environment(case.tmp / name) for name in ("cu126", "cu130")]
    for other in others:
        install(channel, other.prefix, SPECS, case.tmp / "cache")
    program = case.environment.prefix / "bin" / "sox"
    assert program.stat().st_nlink >= 3
    before = [tree(other.prefix) for other in others]
    done = case.fix()
    assert done.returncode == 0, done.stderr
    assert [tree(other.prefix) for other in others] == before
    shutil.rmtree(case.environment.prefix)
    assert [tree(other.prefix) for other in others] == before
    for other in others:
        report = subprocess.run(
            [
                *(str(case.doctor), "-m", "parakeet_cli", "doctor", "--json"),
                *("--only", "broken-dists", "--python", str(other.prefix)),
            ],
            capture_output=True,
            text=True,
            env=case.environ(),
            check=False,
        )
        assert json.loads(report.stdout)["healthy"]
