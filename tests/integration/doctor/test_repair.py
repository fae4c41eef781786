"""Repairs of made-up stacks: real environments, real pip, no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.doctor.fake_stack import (
    Environment,
    Wheel,
)
from tests.integration.doctor.repairing import RepairCase, good_wheels, of

pytestmark = pytest.mark.slow

STAGES = {"numpy": 1, "fsspec": 3, "pytorch-lightning": 4, "pyarrow": 6}


def spoiled(case: RepairCase, *wheels: Wheel) -> None:
    """Put these wheels in the place of the good ones in the wheelhouse."""
    folder = case.tmp / "spoiled"
    folder.mkdir()
    names = {wheel.name.replace("-", "_") for wheel in wheels}
    for path in case.wheelhouse.iterdir():
        if path.name.split("-")[0] not in names:
            os.link(path, folder / path.name)
    for wheel in wheels:
        wheel.build(folder)
    case.wheelhouse = folder


def journals(case: RepairCase) -> list[list[dict[str, object]]]:
    found = sorted((case.environment.prefix / ".parakeet").glob("*/journal"))
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in found]


def test_five_upgrades_are_repaired_in_order_no_other_pin_moves_and_rollback_undoes_it(
    case: RepairCase,
) -> None:
    before, tree_before = case.versions(), case.tree()
    done = case.fix()
    assert done.returncode == 0, done.stderr
    after = case.versions()
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed == {"numpy", "fsspec", "pytorch-lightning", "pyarrow", "setuptools"}
    [journal] = journals(case)
    assert [event["stage"] for event in journal if event["event"] == "step"] == [1, 3, 4, 6]
    assert "numpy 2.4.6 → 1.26.4" in done.stdout
    assert "parakeet doctor rollback" in done.stdout
    assert case.run().returncode == 0

    listed = json.loads(case.run("rollback", "--list", "--json").stdout)
    assert len(listed["states"]) == 1
    back = case.run("rollback")
    assert back.returncode == 0, back.stderr
    assert case.tree() == tree_before
    assert case.run("rollback").returncode == 6  # nothing is left to roll back


def test_a_dry_run_shows_the_plan_and_changes_nothing(case: RepairCase) -> None:
    before = case.tree()
    plan = case.plan()
    assert case.tree() == before
    assert [step["stage"] for step in plan] == [1, 3, 4, 6]
    assert plan[0]["changes"] == [{"name": "numpy", "from": "2.4.6", "to": "1.26.4"}]
    for step in plan:
        assert set(step) == {"stage", "title", "commands", "changes"}
        assert all(" -c " in command for command in step["commands"])


def test_without_a_terminal_and_without_yes_nothing_is_changed(case: RepairCase) -> None:
    before = case.tree()
    done = case.run("--fix", "--wheelhouse", str(case.wheelhouse))
    assert done.returncode == 6
    assert "--yes" in done.stderr
    assert case.tree() == before


@pytest.mark.parametrize("name", STAGES)
def test_a_step_that_fails_puts_everything_back(case: RepairCase, name: str) -> None:
    good = good_wheels()[name]
    # uv and pip unpack the wheel, and only then find that a folder of it is a file, too.
    clash = {"clash": "", "clash/inside.py": ""}
    spoiled(case, of(good_wheels(), name, good.version, files={**good.files, **clash}))
    before = case.tree()
    done = case.fix()
    assert done.returncode == 4, done.stderr
    assert "Everything was put back" in done.stderr
    assert case.tree() == before


def test_a_repair_that_is_not_proved_is_put_back(case: RepairCase) -> None:
    files = {"fsspec/__init__.py": "raise ImportError('not this one')\n"}
    spoiled(case, of(good_wheels(), "fsspec", "2024.12.0", files=files))
    before = case.tree()
    done = case.fix()
    assert done.returncode == 4, done.stderr
    assert "import-probe" in done.stderr
    assert case.tree() == before


def test_a_wheelhouse_that_lacks_something_is_refused(case: RepairCase) -> None:
    spoiled(case)
    next(case.wheelhouse.glob("numpy-*")).unlink()
    before = case.tree()
    done = case.fix()
    assert done.returncode == 6, done.stderr
    assert case.tree() == before


def test_a_rollback_is_refused_if_the_environment_was_changed_since(case: RepairCase) -> None:
    assert case.fix().returncode == 0
    (case.environment.site / "mine.py").write_text("x = 1\n")
    before = case.tree()
    done = case.run("rollback")
    assert done.returncode == 6
    assert "mine.py" in done.stderr
    assert case.tree() == before


def test_a_deleted_module_a_second_dist_info_and_a_leftover_are_repaired(case: RepairCase) -> None:
    site = case.environment.site
    (site / "jiwer" / "__init__.py").unlink()
    (site / "~umpy").mkdir()
    case.environment.install([of(good_wheels(), "tqdm", "4.1.0")], case.tmp / "old")
    held = site / "tqdm-4.1.0.dist-info"
    stored = {path.name: path.read_bytes() for path in held.iterdir()}
    case.environment.install([good_wheels()["tqdm"]], case.tmp / "new")
    held.mkdir()
    for name, data in stored.items():
        (held / name).write_bytes(data)
    done = case.fix()
    assert done.returncode == 0, done.stderr
    assert (site / "jiwer" / "__init__.py").exists()
    assert not (site / "~umpy").exists()
    assert len(list(site.glob("tqdm-*.dist-info"))) == 1
    assert case.versions()["jiwer"] == good_wheels()["jiwer"].version


def test_a_clean_install_and_its_rollback(case: RepairCase) -> None:
    before = case.tree()
    done = case.run("--reinstall", "--yes", "--wheelhouse", str(case.wheelhouse))
    assert done.returncode == 0, done.stderr
    [journal] = journals(case)
    stages = [event["stage"] for event in journal if event["event"] == "step"]
    assert stages == [0, 1, 2, 3, 4, 5, 6]
    assert case.versions()["numpy"] == "1.26.4"
    assert case.run("rollback").returncode == 0
    assert case.tree() == before


def test_an_empty_environment_is_filled_in_the_documented_order(
    made: tuple[Environment, Path], tmp_path: Path
) -> None:
    case = RepairCase(Environment.new(tmp_path / "empty"), tmp_path, made[1])
    before = case.tree()
    done = case.fix()
    assert done.returncode == 0, done.stderr
    [journal] = journals(case)
    stages = [event["stage"] for event in journal if event["event"] == "step"]
    assert stages == [1, 2, 3, 4, 5, 6]
    assert case.run("rollback").returncode == 0
    assert case.tree() == before


# Refusals


def test_a_base_python_is_refused_and_left_as_it_is(case: RepairCase) -> None:
    base = Path(os.path.realpath(sys.executable))
    # Debian calls it dist-packages.
    site = next((base.parent.parent / "lib").glob("python3*/*-packages"))
    before = {path: path.stat().st_mtime_ns for path in site.iterdir()}
    command = [sys.executable, "-m", "parakeet_cli", "doctor", "--fix", "--yes"]
    done = subprocess.run(
        [*command, "--python", str(base)],
        capture_output=True,
        text=True,
        env=case.environ(),
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert "venv" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in site.iterdir()} == before


def test_the_base_of_conda_is_refused_and_left_as_it_is(case: RepairCase) -> None:
    prefix = case.environment.prefix
    (prefix / "pyvenv.cfg").unlink()
    (prefix / "conda-meta").mkdir()
    (prefix / "condabin").mkdir()
    before = case.tree()
    done = case.fix()
    assert done.returncode == 6
    assert "conda" in done.stderr
    assert case.tree() == before


def test_of_two_doctors_one_repairs_and_one_refuses(case: RepairCase) -> None:
    first = start(case)
    wait_for(case, "begin", first)
    second = case.fix()
    assert second.returncode == 6, second.stderr
    assert "Another repair" in second.stderr
    assert first.wait() == 0


# Killed


def start(case: RepairCase, command: list[str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command or case.fix_command(),
        env=case.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )


def phases(case: RepairCase) -> list[str]:
    """The journal's events so far."""
    found = sorted((case.environment.prefix / ".parakeet").glob("*/journal"))
    try:
        lines = found[-1].read_bytes().splitlines() if found else []
        events = [json.loads(line) for line in lines]
    except (ValueError, FileNotFoundError):
        return []
    return [
        f"{event['event']} {event['stage']}" if "stage" in event else str(event["event"])
        for event in events
    ]


def wait_for(case: RepairCase, wanted: str, process: subprocess.Popen[bytes]) -> None:
    while wanted not in phases(case):
        assert process.poll() is None, f"ended before {wanted}"
        time.sleep(0.002)


def recover(case: RepairCase) -> None:
    """Run a command that has nothing to do with the doctor: any command restores."""
    done = subprocess.run(
        [str(case.doctor), "-m", "parakeet_cli", "config", "path"],
        capture_output=True,
        text=True,
        env=case.environ(),
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wanted", ["fetching", "keeping", "step 1", "step 4", "step 6", "proving"])
def test_killed_in_any_phase_the_next_command_of_any_kind_puts_back(
    case: RepairCase, wanted: str
) -> None:
    before = case.tree()
    process = start(case)
    wait_for(case, wanted, process)
    time.sleep(0.05)
    process.kill()
    process.wait()
    recover(case)
    assert case.tree() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_puts_back_at_once(case: RepairCase, number: signal.Signals) -> None:
    before = case.tree()
    process = start(case)
    wait_for(case, "step 4", process)
    process.send_signal(number)
    assert process.wait() == 4
    assert case.tree() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of a given size in bytes; only root may do that."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("a small filesystem can't be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(filler: Path) -> None:
    """Fill the disk to the last byte."""
    for size in (2**20, 4096, 1):
        try:
            with filler.open("ab", buffering=0) as out:
                while True:
                    out.write(bytes(size))
        except OSError:
            continue


def test_after_a_disk_filled_up_at_any_moment_the_environment_is_as_it_was(
    made: tuple[Environment, Path],
    tmp_path: Path,
    small_disk: Callable[[int], Path],
) -> None:
    disk = small_disk(64 * 2**20)
    case = RepairCase(made[0].copy(disk / "env"), tmp_path, made[1])
    before = case.tree()
    filler = disk / "filler"
    codes = {}
    for wanted in ("", "fetching", "keeping", "step 1", "step 3", "step 4", "step 6"):
        process = start(case)
        if wanted:
            wait_for(case, wanted, process)
        fill(filler)
        code = codes[wanted] = process.wait()
        filler.unlink(missing_ok=True)
        assert code in (4, 6), codes
        assert case.tree() == before, wanted
    assert {4, 6} == set(codes.values()), codes
