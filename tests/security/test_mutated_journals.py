"""Thousands of damaged and hostile journals: nothing outside of the environment ever changes.

Some hundred in every run, 10,000 in `make soak`. PARAKEET_SOAK_JOURNALS sets another number,
PARAKEET_SOAK_SEED the seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.repair.rollback import startup
from parakeet_cli.doctor.repair.rollback.restore import (
    ChangedSinceRepair,
    RestoreIncomplete,
    prune,
    recover,
    restore_points,
    rollback,
)
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused
from tests.fuzz.mutations import mutation
from tests.security.repairs import SITE, Case, make, tree

FILES = ("journal", "before", "after")
NAMES = (
    "../outside",
    "../outside/canary",
    "../outside/victim/a/b/canary",
    "lib/../../outside/victim",
    f"{SITE}/../../../../outside/canary",
    "bin/../../outside",
    "lib/python3.11/../../../outside/version.py",
    "bin/./f2py",
    "bin//f2py",
    ".",
    "..",
    "",
    "/",
    "bin/",
    "bin\0/../../outside",
    ".parakeet",
    "bin/\udcff\udcfe",
    "\ud800",
    f"{SITE}/torch/lib/canary",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**64,
    1e308,
    float("nan"),
    [],
    {},
    [["bin"]],
    "file",
    "dir",
    "link",
)


def hostile(chance: random.Random, case: Case) -> Any:
    """A name that leads out, or a value of another kind."""
    absolute = str(case.outside / "victim")
    return chance.choice((*NAMES, *NAMES, absolute, absolute, *VALUES))


def damage(chance: random.Random, case: Case) -> None:
    """Other bytes in one of the files."""
    path = case.repair / chance.choice(FILES)
    if path.is_file() and path.stat().st_size > 100:
        path.write_bytes(mutation(path.read_bytes(), str(chance.random())).data)


def other_value(chance: random.Random, case: Case) -> None:
    """One value of one line is another."""
    path = case.repair / chance.choice(FILES)
    lines = path.read_bytes().splitlines() if path.is_file() else []
    if not lines:
        return
    at = chance.randrange(len(lines))
    try:
        row = json.loads(lines[at])
    except ValueError:  # damaged before
        return
    if isinstance(row, list | dict) and row:
        row[chance.choice(list(row if isinstance(row, dict) else range(len(row))))] = hostile(
            chance, case
        )
    lines[at] = json.dumps(row).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")


def other_roots(chance: random.Random, case: Case) -> None:
    """Every event names one folder more, or another."""
    path = case.repair / "journal"
    extra = hostile(chance, case)
    lines = path.read_text("utf-8", "surrogateescape").splitlines() if path.is_file() else []
    for at, line in enumerate(lines):
        if '"roots"' in line:
            try:
                row = json.loads(line)
                row["roots"] = [*row["roots"], extra] if chance.random() < 0.5 else [extra]
            except (ValueError, TypeError, KeyError):
                continue
            lines[at] = json.dumps(row)
    if path.is_file():
        path.write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")


def line_more(chance: random.Random, case: Case) -> None:
    """The list of files has one name more, which leads out; what it names may be stored."""
    path = case.repair / chance.choice(("before", "after"))
    if path.is_file():
        kind = chance.choice(("file", "dir", "link"))
        target = str(case.outside / "victim") if kind == "link" else ""
        row = [hostile(chance, case), kind, 0o777, 1, 1, 1, target]
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def linked_folder(chance: random.Random, case: Case) -> None:
    """Parts of the list of files lie in a folder that is a link in the list, or on the disk."""
    path = case.repair / "before"
    lines = path.read_text("utf-8", "surrogateescape").splitlines() if path.is_file() else []
    target = str(case.outside / chance.choice(("victim", "site-packages", "")))
    for at, line in enumerate(lines):
        if f'"{SITE}/numpy"' in line and chance.random() < 0.7:
            lines[at] = json.dumps([f"{SITE}/numpy", "link", 0o777, len(target), 1, 1, target])
    if path.is_file():
        path.write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")
    numpy = case.env / SITE / "numpy"
    if numpy.is_dir() and not numpy.is_symlink():
        shutil.rmtree(numpy)
        numpy.symlink_to(target)


def replaced(chance: random.Random, case: Case) -> None:
    """Something in the environment or its journal is a link out, a FIFO, or gone."""
    paths = [
        path
        for path in sorted(case.env.rglob("*"))
        if path.is_relative_to(case.env / ".parakeet") or chance.random() < 0.5
    ]
    if not paths:
        return
    path = chance.choice(paths)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    kind = chance.choice(("folder", "file", "hard link", "FIFO", "gone"))
    if kind == "folder":
        path.symlink_to(case.outside / chance.choice(("", "victim", "env", "env/bin", path.name)))
    elif kind == "file":
        path.symlink_to(case.outside / chance.choice(("canary", path.name, "none")))
    elif kind == "hard link":
        os.link(case.outside / chance.choice(("canary", *FILES)), path)
    elif kind == "FIFO":
        os.mkfifo(path)


def mode(chance: random.Random, case: Case) -> None:
    paths = sorted(path for path in case.env.rglob("*") if not path.is_symlink())
    if paths:
        chance.choice(paths).chmod(chance.choice((0, 0o777, 0o666, 0o500, 0o7755)))


def added(chance: random.Random, case: Case) -> None:
    """A file more, in the environment or in the snapshot."""
    folders = [path for path in sorted(case.env.rglob("*")) if path.is_dir()]
    folders = [path for path in folders if path.resolve().is_relative_to(case.env)]
    if folders:
        (chance.choice(folders) / chance.choice(("more", "version.py"))).write_text("x")


MUTATIONS: tuple[Callable[[random.Random, Case], None], ...] = (
    damage,
    other_value,
    other_value,
    other_roots,
    line_more,
    linked_folder,
    replaced,
    replaced,
    mode,
    added,
)
ACTIONS: tuple[Callable[[str], object], ...] = (
    recover,
    rollback,
    lambda prefix: (restore_points(prefix), prune(prefix, days=0)),
    lambda prefix: startup.run_rollback(["doctor", "rollback", "--python", prefix]),
)
EXPECTED = (JournalRefused, RestoreIncomplete, ChangedSinceRepair, LookupError, OSError)


def mutate(chance: random.Random, case: Case) -> list[str]:
    """Some mutations of the case; their names."""
    chosen = chance.choices(MUTATIONS, k=chance.choice((1, 1, 1, 2, 3)))
    # Those that make links come last: the test itself would write through them.
    chosen.sort(key=lambda one: (one is linked_folder) + 2 * (one is replaced))
    for one in chosen:
        try:
            one(chance, case)
        except (ValueError, OSError):
            continue  # an earlier one took the repair's folder away
    return [one.__name__ for one in chosen]


ALL = int(os.environ.get("PARAKEET_SOAK_JOURNALS", "10000"))


def remove_folders_of_any_mode(top: Path) -> None:
    """Remove the tree. But for root, a folder must be open for that; files may be linked to."""
    for folder, names, _ in os.walk(top):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(top)


@pytest.mark.slow
@pytest.mark.parametrize("count", [300, pytest.param(ALL, marks=pytest.mark.soak)])
def test_nothing_outside_of_the_environment_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    os.umask(0o022)
    seed = int(os.environ.get("PARAKEET_SOAK_SEED", "20261128"))
    made = [make(tmp_path / name, complete=name == "complete") for name in ("begun", "complete")]
    case = Case(tmp_path / "case")
    shutil.copytree(made[1].outside, case.outside)
    # What a link may lead to is as good as what it replaces.
    shutil.copytree(made[1].env, case.outside / "env", symlinks=True)
    for name in FILES:
        shutil.copy2(made[1].repair / name, case.outside / name)
    before = tree(case.outside)
    ended: Counter[str] = Counter()
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        shutil.copytree(chance.choice(made).env, case.env, symlinks=True)
        names = mutate(chance, case)
        assert tree(case.outside) == before, f"the test itself: {names}"
        try:
            chance.choice(ACTIONS)(str(case.env))
            ended["done"] += 1
        except EXPECTED as error:
            ended[type(error).__name__] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}, number {number}: {names}")
            raise
        assert tree(case.outside) == before, f"seed {seed}, number {number}: {names}"
        remove_folders_of_any_mode(case.env)
    print(seed, dict(ended))
    assert min(ended["done"], ended["JournalRefused"]) > count // 20, ended
