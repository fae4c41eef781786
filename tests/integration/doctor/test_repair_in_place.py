"""The doctor inside the environment that it repairs, killed while its own packages change."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from tests.integration.doctor.fake_stack import Environment, digest
from tests.integration.doctor.repairing import RepairCase, good_wheels
from tests.integration.doctor.test_repair import recover, start, wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# What `parakeet doctor` itself imports.
OWN_PACKAGES = ("typer", "rich", "packaging")
# Added to their wheels: no release of them has a file that the doctor certainly never imports.
UNUSED = "unused.py"
ALSO = (
    "annotated-doc",
    "click",
    "markdown-it-py",
    "mdurl",
    "pip",  # that of a new environment may be older than parakeet needs
    "platformdirs",
    "pygments",
    "shellingham",
    "typing-extensions",
)


# Lightning 2.2 requires an older packaging than the tests run with; the code is good enough.
PRETENDED = {"packaging": "24.2"}


def real_wheel(dist: Distribution, folder: Path) -> None:
    """Make a wheel of the installed distribution, so that pip can replace it by itself."""
    version = PRETENDED.get(dist.name, dist.version)
    stem = f"{dist.name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for file in dist.files or ():
            name = str(file)
            path = Path(str(file.locate()))
            parts = name.split("/")
            if name.startswith("..") or "__pycache__" in parts or not path.is_file():
                continue
            if parts[-1] in ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD"):
                continue
            if parts[0].endswith(".dist-info"):
                name = "/".join([f"{stem}.dist-info", *parts[1:]])
            data = path.read_bytes()
            if parts[-1] == "METADATA":
                data = data.replace(
                    f"Version: {dist.version}".encode(), f"Version: {version}".encode()
                )
            archive.writestr(name, data)
        if dist.name in OWN_PACKAGES:
            archive.writestr(f"{dist.name}/{UNUSED}", "UNUSED = True\n")
        record = "".join(
            f"{name},sha256={digest(archive.read(name))},{archive.getinfo(name).file_size}\n"
            for name in archive.namelist()
        )
        archive.writestr(f"{stem}.dist-info/RECORD", record + f"{stem}.dist-info/RECORD,,\n")


@pytest.fixture
def in_place(tmp_path: Path) -> RepairCase:
    """A made-up stack with the real typer, rich and packaging, each without one file."""
    wheels = good_wheels()
    house = tmp_path / "house"
    house.mkdir()
    real = [*OWN_PACKAGES, *(name for name in ALSO if _there(name))]
    for name in real:
        wheels.pop(name, None)
        real_wheel(distribution(name), house)
    environment = Environment.new(tmp_path / "env")
    environment.install(wheels.values(), house)
    paths = [str(path) for path in house.glob("*.whl") if not _made_up(path, wheels)]
    from tests.integration.doctor.fake_stack import pip

    pip(environment, "install", "--no-deps", "--no-index", "--no-compile", *paths)
    (environment.site / "checkout.pth").write_text(f"{ROOT}\n")
    for name in OWN_PACKAGES:
        (environment.site / name / UNUSED).unlink()
    # The tool runs from there, and would leave bytecode of its own.
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    return RepairCase(environment, tmp_path, house, environment.python, variables)


def _there(name: str) -> bool:
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


def _made_up(path: Path, wheels: Mapping[str, object]) -> bool:
    return path.name.split("-")[0].lower().replace("_", "-").replace(".", "-") in wheels


def pip_of(process: subprocess.Popen[bytes]) -> int:
    """The pip that the doctor runs now."""
    while True:
        assert process.poll() is None
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        for pid in map(int, text.split()):
            with suppress(OSError):
                if b"--force-reinstall" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        time.sleep(0.001)


def inode(folder: Path) -> int:
    """The folder's inode; 0 while it isn't there."""
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return 0


def test_a_repair_in_place_is_complete(in_place: RepairCase) -> None:
    done = in_place.fix()
    assert done.returncode == 0, done.stderr
    for name in OWN_PACKAGES:
        assert (in_place.environment.site / name / UNUSED).exists(), name


@pytest.mark.parametrize("name", OWN_PACKAGES)
def test_killed_while_its_own_packages_are_replaced_rollback_works(
    in_place: RepairCase, name: str
) -> None:
    before = in_place.tree()
    folder = in_place.environment.site / name
    process = start(in_place)
    wait_for(in_place, "step 6", process)
    pip = pip_of(process)
    was = folder.stat().st_ino
    while inode(folder) == was:
        assert process.poll() is None, "it was never replaced"
    os.kill(process.pid, signal.SIGSTOP)  # or it would notice pip's end and restore by itself
    os.kill(pip, signal.SIGKILL)
    process.kill()
    process.wait()
    assert in_place.tree() != before
    done = in_place._run([str(in_place.doctor), "-m", "parakeet_cli", "doctor", "rollback"])
    assert done.returncode == 0, done.stderr
    assert "put back" in done.stderr
    assert in_place.tree() == before
    recover(in_place)


def test_where_the_command_line_itself_is_broken_rollback_still_works(in_place: RepairCase) -> None:
    before = in_place.tree()
    assert in_place.fix().returncode == 0
    shutil.copy2(in_place.environment.site / "typer/core.py", in_place.tmp / "core.py")
    stat = (in_place.environment.site / "typer/core.py").stat()
    (in_place.environment.site / "typer/core.py").unlink()
    command = [str(in_place.doctor), "-m", "parakeet_cli", "doctor", "rollback"]
    refused = in_place._run(command)
    assert refused.returncode == 6, refused.stderr  # changed since: it names the file
    assert "typer/core.py" in refused.stderr
    shutil.copy2(in_place.tmp / "core.py", in_place.environment.site / "typer/core.py")
    os.utime(in_place.environment.site / "typer/core.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert in_place._run(command).returncode == 0
    assert in_place.tree() == before
    assert sys.executable != str(in_place.doctor)
