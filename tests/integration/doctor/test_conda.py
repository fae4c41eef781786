"""Real conda environments: made by py-rattler from a channel that the test fills."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doctor.conda import (
    MINOR,
    PLACEHOLDER,
    REAL_CONDA,
    SITE,
    CondaPackage,
    distribution_files,
    fill_channel,
    install,
    python_package,
)

pytest.importorskip("rattler", reason="py-rattler isn't installed")
pytestmark = REAL_CONDA

CHECKS = ("python-version", "duplicate-dists", "broken-dists")
COMPILED = b"\x7fELF" + bytes(60) + PLACEHOLDER.encode() + bytes(40)
CONFIG = f'prefix = "{PLACEHOLDER}/lib"\n'.encode()
SCRIPT = f"#!{PLACEHOLDER}/bin/python{MINOR}\n".encode()


def packages() -> list[CondaPackage]:
    """A Python, a noarch package, a linking one, one of another name, and a program."""
    fsspec = distribution_files("fsspec", "2024.12.0", {"fsspec/__init__.py": b"X = 1\n"})
    numpy = {
        "numpy/__init__.py": b"",
        "numpy/__config__.py": CONFIG,
        "numpy/core/_multiarray.so": COMPILED,
        "../../../bin/f2py": SCRIPT,
    }
    naming = {f"{SITE}/numpy/__config__.py", f"{SITE}/numpy/core/_multiarray.so", "bin/f2py"}
    torch = {"torch/__init__.py": b"", "torch/version.py": b"__version__ = '2.5.1'\n"}
    return [
        python_package(),
        CondaPackage(
            "fsspec",
            "2024.12.0",
            fsspec,
            depends=("python",),
            noarch=True,
            entry_points=("fsspec-tool = fsspec:main",),
        ),
        CondaPackage(
            "numpy",
            "1.26.4",
            distribution_files("numpy", "1.26.4", numpy, site=SITE),
            depends=("python",),
            names_prefix=frozenset(naming),
        ),
        CondaPackage(
            "pytorch",
            "2.5.1",
            distribution_files("torch", "2.5.1", torch, site=SITE),
            depends=("python",),
        ),
        CondaPackage("sox", "14.4.2", {"bin/sox": b"\x7fELF"}),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as py-rattler links it. Not to be changed."""
    folder = tmp_path_factory.mktemp("conda")
    fill_channel(folder / "channel", packages())
    specs = ["python", "fsspec", "numpy", "pytorch", "sox"]
    install(folder / "channel", folder / "env", specs, folder / "cache")
    return folder / "env"


@pytest.fixture
def env(made: Path, tmp_path: Path) -> Path:
    """One to change, in which the files that name their place name this one."""
    specs = ["python", "fsspec", "numpy", "pytorch", "sox"]
    # With a cache of its own, whose files are those of the environment.
    install(made.parent / "channel", tmp_path / "env", specs, tmp_path / "cache")
    return tmp_path / "env"


def doctor(env: Path, *options: str) -> dict[str, Any]:
    """The findings of some checks by their ids, and the rest of the doctor's JSON."""
    command = [sys.executable, "-m", "parakeet_cli", "doctor", "--python", str(env), "--json"]
    only = [word for check in CHECKS for word in ("--only", check)]
    done = subprocess.run(
        [*command, *only, *options],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(env), "PIP_CONFIG_FILE": os.devnull},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return {**report, "by_id": {one["id"]: one for one in report["findings"]}}


def pip_installs(env: Path, name: str, version: str) -> None:
    """What `pip install` leaves behind that replaces conda's release of a distribution."""
    site = env / SITE
    for old in site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    files = distribution_files(name, version, {f"{name}/__init__.py": b"Y = 2\n"}, site=".")
    for path, data in files.items():
        assert isinstance(data, bytes)
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # linked to conda's cache
        target.write_bytes(b"pip" if target.name == "INSTALLER" else data)


def test_an_environment_that_conda_made_is_whole_although_files_were_changed_as_it_was_linked(
    made: Path,
) -> None:
    program = [str(made / "bin" / "python"), "-c", "import numpy, fsspec, sys; print(sys.prefix)"]
    # Debian's Python, which may be the one in it, doesn't look there outside a virtual environment.
    env = {"PYTHONPATH": str(made / SITE)}
    ran = subprocess.run(program, capture_output=True, text=True, check=True, env=env)
    assert ran.stdout.strip() == str(made)
    assert (made / SITE / "numpy" / "__config__.py").read_text() == f'prefix = "{made}/lib"\n'
    assert len(list((made / "conda-meta").glob("*.json"))) == 5
    report = doctor(made)
    assert {one["status"] for one in report["findings"]} == {"ok"}
    assert "a conda environment" in report["by_id"]["python-version"]["summary"]
    assert doctor(made, "--deep")["healthy"]


def test_what_pip_put_over_condas_package_is_named_with_both_versions(env: Path) -> None:
    pip_installs(env, "fsspec", "2025.3.0")
    pip_installs(env, "torch", "2.8.0+cu128")
    finding = doctor(env)["by_id"]["duplicate-dists"]
    assert finding["status"] == "fail"
    assert "fsspec: conda's record says 2024.12.0, pip's 2025.3.0" in finding["detail"]
    assert "torch: conda's record of pytorch says 2.5.1, pip's 2.8.0+cu128" in finding["detail"]
    assert "numpy" not in finding["detail"]


def test_pips_package_is_told_apart_from_condas_program_of_the_same_name(env: Path) -> None:
    pip_installs(env, "sox", "1.5.0")
    assert doctor(env)["by_id"]["duplicate-dists"]["status"] == "ok"


def test_a_removed_file_of_condas_package_is_found(env: Path) -> None:
    (env / SITE / "fsspec" / "__init__.py").unlink()
    finding = doctor(env)["by_id"]["broken-dists"]
    assert finding["status"] == "fail"
    assert "fsspec/__init__.py" in finding["detail"]


def damage(path: Path, data: bytes) -> None:
    """Write into the file that is there, as a full disk does, and so into conda's cache."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(data)


def test_files_of_condas_packages_that_were_cut_short_are_found(env: Path) -> None:
    for path, data in {
        "bin/sox": b"",
        f"{SITE}/numpy/core/_multiarray.so": COMPILED[:70],
        f"{SITE}/torch/version.py": b"__ver",
        f"{SITE}/fsspec/__init__.py": b"",
    }.items():
        damage(env / path, data)
    finding = doctor(env)["by_id"]["broken-dists"]
    assert finding["status"] == "fail"
    assert finding["summary"] == "not complete: fsspec, numpy, torch and sox"
    for words in (
        "fsspec/__init__.py (0 of 6 bytes)",
        f"numpy/core/_multiarray.so (70 of {len(COMPILED)} bytes)",
        "torch/version.py (5 of 22 bytes)",
        "bin/sox (0 of 4 bytes)",
    ):
        assert words in finding["detail"]


def test_a_damaged_program_of_condas_is_installed_again_by_the_command_that_is_named(
    env: Path, made: Path
) -> None:
    damage(env / "bin/sox", b"")
    finding = doctor(env)["by_id"]["broken-dists"]
    assert finding["summary"] == "not complete: sox, which conda installed"
    assert finding["remedy"].endswith(
        f"conda install --yes --force-reinstall --prefix {env} sox=14.4.2"
    )
    if remove := re.match(r"rm -rf (\S+) && ", finding["remedy"]):
        shutil.rmtree(remove[1])
    # What conda then does: it unlinks the package, unpacks it, and links it again.
    record = next((env / "conda-meta").glob("sox-*.json"))
    (env / "bin/sox").unlink()
    record.unlink()
    specs = ["python", "fsspec", "numpy", "pytorch", "sox"]
    install(made.parent / "channel", env, specs, env.parent / "again")
    assert doctor(env)["by_id"]["broken-dists"]["status"] == "ok"


def test_with_deep_another_content_of_the_same_size_is_found(env: Path) -> None:
    damage(env / "bin/sox", b"\x7fELG")
    assert doctor(env)["by_id"]["broken-dists"]["status"] == "ok"
    assert doctor(env, "--deep")["by_id"]["broken-dists"]["status"] == "fail"


def test_what_pip_has_put_over_condas_package_is_not_compared_with_condas_record(
    env: Path,
) -> None:
    pip_installs(env, "fsspec", "2024.12.0")
    (env / SITE / "fsspec" / "__init__.py").write_bytes(b"Y = 2\n")
    assert doctor(env)["by_id"]["broken-dists"]["status"] == "ok"


def test_a_conda_environment_that_was_moved_is_to_be_moved_back(env: Path) -> None:
    moved = env.parent / "moved"
    env.rename(moved)
    finding = doctor(moved)["by_id"]["python-version"]
    assert finding["status"] == "warn"
    assert f"its commands name {env}" in finding["summary"]
    assert f"Move it back to {env}" in finding["remedy"]
