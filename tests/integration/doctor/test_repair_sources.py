"""Where a repair gets its packages from, with a network and without one."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.pip import bundled_pip
from tests.integration.doctor.fake_stack import (
    CU128_28,
    Environment,
    Wheel,
    gpu_line,
    nvidia_smi,
    torch,
)
from tests.integration.doctor.repairing import RepairCase, good_wheels, index, inert
from tests.integration.doctor.test_repair import recover, start

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# A network namespace with nothing in it: not even this machine can be reached.
ALONE = ("unshare", "--map-root-user", "--net")
HIDDEN = ("unshare", "--map-root-user", "--mount", "sh", "-c")


def can(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_namespaces = pytest.mark.skipif(
    not can(*ALONE, "true") or not can(*HIDDEN, "mount -t tmpfs none /mnt"),
    reason="namespaces can't be made here",
)


def test_what_is_new_is_linked_from_uvs_cache_and_compiled_and_what_is_there_is_replaced(
    tmp_path: Path,
) -> None:
    """As in the environments of `python -m venv`, which have an old setuptools up to 3.11."""
    environment = Environment.new(tmp_path / "env")
    old = Wheel("setuptools", "65.5.0", files={"setuptools/__init__.py": "", "setuptools/o.py": ""})
    environment.install([old], tmp_path / "old")
    wheels = good_wheels()
    case = RepairCase(environment, tmp_path, tmp_path)
    case.variables = {"PIP_INDEX_URL": index(tmp_path / "index", *wheels.values())}
    before = case.tree()
    done = case.run("--fix", "--yes", "--torch-index", "default")
    assert done.returncode == 0, done.stderr
    cached = Path(case.environ()["HOME"], ".cache", "uv")
    linked = {path.stat().st_ino for path in cached.rglob("*.py")}
    assert (environment.site / "librosa" / "__init__.py").stat().st_ino in linked
    assert (environment.site / "setuptools" / "__init__.py").stat().st_ino not in linked
    assert not (environment.site / "setuptools" / "o.py").exists()
    assert case.versions()["setuptools"] == wheels["setuptools"].version
    assert list((environment.site / "librosa" / "__pycache__").glob("__init__.*.pyc"))
    assert case.run("rollback").returncode == 0
    assert case.tree() == before


# The doctor, killed as it moves its n-th file or folder into the environment, or once it is there.
KILLED_WHILE_MOVING = """
import os, signal, sys
from parakeet_cli.doctor.repair.uv.stage import Stage
from parakeet_cli.__main__ import main
replace, moved, last = os.replace, 0, int(os.environ["KILL_AT"])
def counted(source, target, **more):
    global moved
    if "/stage/" in str(source):
        moved += 1
        if moved == last:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target, **more)
os.replace = counted
main()
"""


# The doctor, killed as it asks pip or uv for the first versions of its plan.
KILLED_WHILE_PLANNING = """
import os, signal
from parakeet_cli.doctor.repair.resolve import Resolver
from parakeet_cli.__main__ import main
Resolver._ask_for_stages = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def test_killed_while_it_plans_its_temporary_files_go_with_the_next_plan(tmp_path: Path) -> None:
    environment = Environment.new(tmp_path / "env")
    old = Wheel("setuptools", "65.5.0", files={"setuptools/__init__.py": ""})
    environment.install([old], tmp_path / "old")
    case = RepairCase(environment, tmp_path, tmp_path / "old")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    case.variables = {"TMPDIR": str(temporary)}
    words = ("--dry-run", "--wheelhouse", str(case.wheelhouse))
    command = case.command(*words)
    command[1:3] = ["-c", KILLED_WHILE_PLANNING]
    assert start(case, command).wait() == -signal.SIGKILL
    assert [path.name for path in temporary.rglob("*.txt")] == ["constraints.txt"]
    assert case.run(*words).returncode == 6  # nothing there has the stack's packages
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2, 30])
def test_killed_while_it_moves_what_uv_unpacked_the_environment_is_as_it_was(
    tmp_path: Path, number: int
) -> None:
    environment = Environment.new(tmp_path / "env")
    old = Wheel("setuptools", "65.5.0", files={"setuptools/__init__.py": ""})
    environment.install([old], tmp_path / "old")
    case = RepairCase(environment, tmp_path, tmp_path)
    source = index(tmp_path / "index", *good_wheels().values())
    case.variables = {"PIP_INDEX_URL": source, "KILL_AT": str(number)}
    before = case.tree()
    command = case.command("--fix", "--yes", "--torch-index", "default")
    command[1:3] = ["-c", KILLED_WHILE_MOVING]
    assert start(case, command).wait() == -signal.SIGKILL
    # Nothing is there before the first move: uv has unpacked beside the environment.
    outside = {name for name in case.tree() if not name.startswith(".parakeet")}
    assert (outside == {name for name in before if not name.startswith(".parakeet")}) == (
        number == 1
    )
    recover(case)
    assert case.tree() == before


def test_no_network_and_no_wheelhouse_is_refused(case: RepairCase) -> None:
    case.variables = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    before = case.tree()
    done = case.run("--fix", "--yes", "--torch-index", "default")
    assert done.returncode == 6, done.stderr
    assert case.tree() == before


def test_an_index_of_torchs_own_that_gives_nothing_is_named_with_the_way_around_it(
    case: RepairCase,
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    case.variables = {"PIP_INDEX_URL": index(case.tmp / "ordinary"), "PIP_RETRIES": "0"}
    before = case.tree()
    done = case.run("--reinstall", "--yes", "--torch-index", nowhere)
    assert done.returncode == 6, done.stderr
    assert f"torch was looked for on {nowhere}" in done.stderr
    assert "--torch-index default" in done.stderr
    assert case.tree() == before


def test_torch_comes_from_its_own_index_if_the_gpu_needs_another_build(
    case: RepairCase,
) -> None:
    line = gpu_line("RTX 5090", "575.57.08")
    nvidia_smi(case.tmp / "bin", line, "12.9")
    case.variables = {
        "PIP_INDEX_URL": index(case.tmp / "ordinary"),
        "PIP_FIND_LINKS": str(case.wheelhouse),
    }
    own = index(case.tmp / "cu128", inert(torch("2.11.0+cu128", "12.8", CU128_28)))
    done = case.run("--dry-run", "--json", "--skip", "gpu-probe", "--torch-index", own)
    plan = json.loads(done.stdout)["plan"]
    [stage] = [step for step in plan if step["stage"] == 2]
    assert {"name": "torch", "from": "2.13.0+cpu", "to": "2.11.0+cu128"} in stage["changes"]
    assert own in stage["commands"][0]


def test_a_torch_that_suits_the_stack_stays_and_its_index_is_never_asked(
    case: RepairCase,
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    case.variables = {
        "PIP_INDEX_URL": index(case.tmp / "ordinary"),
        "PIP_FIND_LINKS": str(case.wheelhouse),
    }
    done = case.run("--fix", "--yes", "--torch-index", nowhere)
    assert done.returncode == 0, done.stderr
    assert case.versions()["torch"] == "2.13.0+cpu"


def test_a_wheelhouse_that_was_filled_repairs_without_a_network(case: RepairCase) -> None:
    before = case.tree()
    case.variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(case.wheelhouse)}
    house = case.tmp / "filled"
    words = ("--dry-run", "--download", "--wheelhouse", str(house), "--torch-index", "default")
    done = case.run(*words)
    assert done.returncode == 0, done.stderr
    assert case.tree() == before
    case.variables, case.wheelhouse = {}, house
    done = case.fix()
    assert done.returncode == 0, done.stderr


def test_a_hostile_wheel_in_a_wheelhouse_is_refused_before_anything_is_changed(
    case: RepairCase,
) -> None:
    outside = case.tmp / "outside"
    outside.mkdir()
    case.wheelhouse = Path(shutil.copytree(case.wheelhouse, case.tmp / "hostile"))
    (wheel,) = case.wheelhouse.glob("numpy-*.whl")
    whole = wheel.read_bytes()
    before = case.tree()
    hostile = {
        "leads out": {"../../../../outside/canary": "x"},
        "RECORD has no usable sum": {"numpy/more.py": "x"},
    }
    for reason, files in hostile.items():
        wheel.write_bytes(whole)
        with zipfile.ZipFile(wheel, "a") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        done = case.fix()
        assert done.returncode == 6, done.stderr
        assert "Traceback" not in done.stderr
        assert reason in done.stderr
        assert case.tree() == before
        assert list(outside.iterdir()) == []


@needs_namespaces
def test_with_no_network_at_all_a_wheelhouse_repairs_and_without_one_nothing_is_changed(
    case: RepairCase,
) -> None:
    case.variables = {
        "PIP_INDEX_URL": index(case.tmp / "ordinary"),
        "PIP_FIND_LINKS": str(case.wheelhouse),
    }
    house = case.tmp / "filled"
    words = ("--dry-run", "--download", "--wheelhouse", str(house), "--torch-index", "default")
    done = case.run(*words)
    assert done.returncode == 0, done.stderr
    case.before = ALONE
    before = case.tree()
    for retries, message in {
        "0": "pip finds no suitable file of numpy",
        "1": "can't be reached",
    }.items():
        case.variables = {"PIP_RETRIES": retries}
        done = case.run("--fix", "--yes", "--torch-index", "default")
        assert done.returncode == 6, done.stderr
        assert message in done.stderr
        assert "conflict" not in done.stderr
        assert "--wheelhouse DIR" in done.stderr
        assert case.tree() == before
    case.wheelhouse = house
    done = case.fix()
    assert done.returncode == 0, done.stderr
    assert case.versions()["numpy"] == "1.26.4"


# Which pip is used


def without_pip(case: RepairCase) -> Path:
    """A doctor whose own environment has no pip."""
    tool = Environment.new(case.tmp / "tool")
    needed = case.tmp / "needed"
    needed.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.name.split("-")[0] != "pip":
            (needed / path.name).symlink_to(path)
    (tool.site / "needed.pth").write_text(f"{needed}\n{ROOT}\n")
    found = [str(tool.python), "-c", "import importlib.util as u; print(u.find_spec('pip'))"]
    output = subprocess.run(found, capture_output=True, text=True, check=True).stdout
    assert output == "None\n"
    return tool.python


def test_an_environment_without_pip_is_repaired_by_the_pip_beside_the_doctor(
    case: RepairCase,
) -> None:
    assert "pip" not in case.versions()
    [step, *_] = case.plan()
    typed = f"{sys.executable} -m pip --python {case.environment.python} install"
    assert typed in step["commands"][0]
    done = case.fix()
    assert done.returncode == 0, done.stderr
    assert "pip" not in case.versions()


def test_if_the_doctor_has_no_pip_either_python_s_bundled_one_is_used(
    case: RepairCase,
) -> None:
    if bundled_pip() is None:
        pytest.skip("the pip that this Python brings is too old")
    case.doctor = without_pip(case)
    before = case.tree()
    done = case.fix()
    assert done.returncode == 0, done.stderr
    assert case.versions()["numpy"] == "1.26.4"
    assert "pip" not in case.versions()
    assert case.run("rollback").returncode == 0
    assert case.tree() == before


@needs_namespaces
def test_without_any_pip_it_is_refused_with_what_to_type(case: RepairCase) -> None:
    import ensurepip

    case.doctor = without_pip(case)
    places = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    hide = [f"mount -t tmpfs none {place} && " for place in places if place.is_dir()]
    case.before = (*HIDDEN, "".join(hide) + 'exec "$@"', "sh")
    before = case.tree()
    done = case.fix()
    assert done.returncode == 6, done.stderr
    assert "There is no pip" in done.stderr
    assert f"{case.doctor} -m uv pip install --python {case.doctor} --upgrade pip" in done.stderr
    assert case.tree() == before
