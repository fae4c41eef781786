"""An environment with a repair that was interrupted or complete, beside a folder of canaries."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.repair.rollback import snapshot
from parakeet_cli.doctor.repair.rollback.events import RepairEvent
from parakeet_cli.doctor.repair.rollback.journal import RepairJournal

SITE = "lib/python3.11/site-packages"
ROOTS = ["bin", "include", SITE]
Tree = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """A folder with `env`, where a repair was, and `outside`, which nothing may touch."""

    folder: Path

    @property
    def env(self) -> Path:
        return self.folder / "env"

    @property
    def outside(self) -> Path:
        return self.folder / "outside"

    @property
    def repair(self) -> Path:
        """The repair's folder."""
        (found,) = (self.env / ".parakeet").iterdir()
        return found

    def rows(self, name: str) -> list[Any]:
        """The lines of the journal or of a manifest."""
        return [json.loads(line) for line in (self.repair / name).read_text().splitlines()]

    def write(self, name: str, rows: list[Any]) -> None:
        (self.repair / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def changed(self, name: str, change: Callable[[list[Any]], object]) -> None:
        """Change the lines of one of the repair's files in place."""
        rows = self.rows(name)
        change(rows)
        self.write(name, rows)

    def parakeet(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command with a home of its own, in which a repair of `env` is registered."""
        home = self.folder.parent / "home"
        repairs = home / "state/parakeet/repairs"
        repairs.mkdir(parents=True, exist_ok=True, mode=0o700)
        (repairs / "env").write_text(str(self.env))
        return subprocess.run(
            [sys.executable, "-m", "parakeet_cli", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(home),
                "XDG_STATE_HOME": str(home / "state"),
                "LANG": "C.UTF-8",
            },
        )


def make(folder: Path, *, complete: bool, venv: bool = False) -> Case:
    """An environment whose repair replaced a file, added one and removed a third."""
    case = Case(folder)
    site = case.env / SITE
    if venv:
        command = [sys.executable, "-m", "venv", "--without-pip", "--symlinks"]
        subprocess.run([*command, str(case.env)], check=True)
    for name in ("bin", "include", f"{SITE}/numpy", f"{SITE}/torch"):
        (case.env / name).mkdir(parents=True, exist_ok=True)
    (case.env / "bin/f2py").write_text("a script\n")
    (site / "numpy/version.py").write_text("2.0\n")
    (site / "numpy/removed.py").write_text("r\n")
    (site / "torch/lib").symlink_to("version.py")
    for name in ("victim/a/b", "victim/empty", "site-packages"):
        (case.outside / name).mkdir(parents=True)
    for name in ("canary", "victim/a/b/canary", "site-packages/canary", "version.py"):
        (case.outside / name).write_text(f"{name}\n")
    journal = RepairJournal.begin(str(case.env), {"python": "/env/bin/python", "started": "1"})
    journal.write(RepairEvent.TAKING_SNAPSHOT, roots=ROOTS)
    before = snapshot.scan(str(case.env), ROOTS)
    snapshot.write_manifest(journal.before, before)
    snapshot.take(str(case.env), before, journal.snapshot)
    journal.write(RepairEvent.SNAPSHOT_TAKEN, roots=ROOTS, files=len(before))
    journal.write(RepairEvent.STEP, stage=1, title="Core scientific stack")
    (site / "numpy/version.py").unlink()
    (site / "numpy/version.py").write_text("1.26.4\n")
    (site / "numpy/removed.py").unlink()
    (site / "numpy/added.py").write_text("added\n")
    if complete:
        journal.write(RepairEvent.STEP_DONE, stage=1)
        snapshot.write_manifest(journal.after, snapshot.scan(str(case.env), ROOTS))
        journal.write(RepairEvent.COMPLETE, summary="numpy 2.0 \u2192 1.26.4")
        snapshot.drop_unchanged(str(case.env), before, journal.snapshot)
        journal.drop_temporary()
    return case


def tree(folder: Path) -> Tree:
    """Everything below a folder: kind, mode, time, and a file's bytes or a link's target."""
    found: Tree = {}
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(here, name)
            status = path.lstat()
            data: bytes | str = ""
            if stat.S_ISREG(status.st_mode):
                data = path.read_bytes()
            elif stat.S_ISLNK(status.st_mode):
                data = str(path.readlink())
            found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, data)
    return found
