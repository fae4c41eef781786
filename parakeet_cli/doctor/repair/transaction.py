"""One repair as a transaction: prepared, kept, carried out, and then it stands or is undone.

Everything is made into wheels before anything changes; every file is kept before anything
changes; each step is in the journal before it begins. Whatever happens between, `undo` or
the next command of any kind makes the environment what it was.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair.pip import Listen, Pip
from parakeet_cli.doctor.repair.plan import Run, Step
from parakeet_cli.doctor.repair.resolve import Resolution
from parakeet_cli.doctor.repair.rollback import registry, snapshot
from parakeet_cli.doctor.repair.rollback.journal import Event, RepairJournal
from parakeet_cli.doctor.repair.rollback.restore import restore
from parakeet_cli.doctor.repair.rollback.startup import start_time
from parakeet_cli.doctor.repair.wheels import fetch, unpacked
from parakeet_cli.errors import Refused

# Where pip's install schemes put things inside an environment.
ROOTS = ("bin", "include", "share", "etc", "man")
SPARE = 64 * 2**20
A_NAME = 600  # bytes for one kept name: two manifests, a folder's entry


class Interrupted(Exception):
    """Ctrl-C, or the system's wish that this ends."""


class Transaction:
    """The caller holds the lock for as long as this lives."""

    def __init__(self, facts: Facts, pip: Pip, resolution: Resolution, lock: int) -> None:
        self.facts, self.pip, self.resolution = facts, pip, resolution
        self.prefix = facts.interpreter.prefix
        pip.descriptors = (lock,)
        self.journal: RepairJournal | None = None

    # Before anything changes

    def prepare(self, *, listen: Listen | None = None) -> None:
        """Makes every wheel, and the room for all of it. Raises Refused."""
        registry.register(self.prefix)  # first: killed after its folder is made, it is found
        try:
            self.journal = RepairJournal.begin(
                self.prefix,
                {
                    "python": self.facts.interpreter.executable,
                    "started": start_time(os.getpid()),
                },
            )
            work = self.journal.work
            (work / "tmp").mkdir()
            (work / "wheels").mkdir()
            self.pip.scratch = str(work / "tmp")
            self._room(sum(change.size or 0 for change in self.resolution.installs), "download")
            self.journal.write(Event.FETCHING)
            fetch(self.pip, self.resolution, self.wheels, listen=listen)
            (work / "exact.txt").write_text("".join(f"{one}\n" for one in self.resolution.exact))
            self.journal.write(Event.FETCHED)
        except OSError as error:
            raise Refused(
                f"This can't be prepared, and nothing was touched: {error.strerror or error}",
                hint=_room_hint(self.prefix),
            ) from error

    def keep(self) -> None:
        """Every file that may change, kept by a link. Raises Refused where one can't be."""
        journal = self._journal
        try:
            size, number, tops = unpacked(self.wheels)
            roots = self._roots(tops)
            journal.write(Event.TAKING_SNAPSHOT, roots=roots)
            before = snapshot.scan(self.prefix, roots)
            self._room(size + A_NAME * (len(before) + number), "install")
            snapshot.write_manifest(journal.before, before)
            snapshot.take(self.prefix, before, journal.snapshot)
            journal.write(Event.SNAPSHOT_TAKEN, roots=roots, files=len(before))
        except OSError as error:
            raise Refused(
                f"What is there can't be kept, so nothing was touched: {error}",
                hint=_room_hint(self.prefix),
            ) from error

    # The change

    def carry_out(self, step: Step, *, listen: Listen | None = None) -> None:
        """One step. Raises PipFailed or OSError."""
        self._journal.write(Event.STEP, stage=step.stage, title=step.title)
        for path in step.remove:
            if os.path.commonpath([self.prefix, path]) != self.prefix:
                raise OSError(f"{path} is not inside {self.prefix}")
            if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)
        for run in step.runs:
            self.pip.run(self._arguments(run), listen=listen, sealed=True)
        self._journal.write(Event.STEP_DONE, stage=step.stage)

    def _arguments(self, run: Run) -> list[str]:
        if run.verb != "install":
            return [run.verb, *run.arguments]
        exact = self._journal.work / "exact.txt"
        where = ["--no-index", "--find-links", str(self.wheels), "-c", str(exact)]
        return ["install", *where, *run.flags, *run.arguments]

    # The end

    def proving(self) -> None:
        self._journal.write(Event.VERIFYING)

    def stand(self, summary: str) -> None:
        """The repair is proven: what never changed is let go, the rest is kept for rollback."""
        journal = self._journal
        after = snapshot.scan(self.prefix, journal.roots)
        snapshot.write_manifest(journal.after, after)
        journal.write(Event.COMPLETE, summary=summary)
        snapshot.drop_unchanged(
            self.prefix, snapshot.read_manifest(journal.before), journal.snapshot
        )
        journal.drop_temporary()
        registry.unregister(self.prefix)

    @property
    def changed(self) -> bool:
        """Whether the environment may differ from what it was."""
        return self.journal is not None and self.journal.changed

    def undo(self) -> bool:
        """Everything as it was; False where nothing had been changed. Raises RestoreIncomplete."""
        if self.journal is None:
            registry.unregister(self.prefix)
            return False
        changed = self.changed
        if changed:
            restore(self.prefix, self.journal)
        else:
            self.journal.remove()
        registry.unregister(self.prefix)
        return changed

    # Parts

    @property
    def _journal(self) -> RepairJournal:
        assert self.journal is not None, "prepare() comes first"
        return self.journal

    @property
    def wheels(self) -> Path:
        return self._journal.work / "wheels"

    def _roots(self, tops: set[str]) -> list[str]:
        """Site-packages, pip's other folders, and wherever RECORDs and wheels reach."""
        site = os.path.relpath(self.facts.interpreter.site_packages, self.prefix)
        reached = {site, *ROOTS, *tops}
        for dist in self.facts.distributions:
            if dist.location == self.facts.interpreter.site_packages:
                reached |= _outside(self.prefix, dist.location, dist.info)
        reached -= {"", ".", ".parakeet"}
        return sorted(
            root
            for root in reached
            if not any(root != other and root.startswith(f"{other}/") for other in reached)
        )

    def _room(self, needed: int, verb: str) -> None:
        free = shutil.disk_usage(self.prefix).free
        if free < needed + min(SPARE, max(needed, 2**20)):
            raise Refused(
                f"There is too little room to {verb}: {needed / 2**20:.0f} MB are needed, "
                f"{free / 2**20:.0f} MB are free. Nothing was touched.",
                hint=_room_hint(self.prefix),
            )


def _outside(prefix: str, location: str, info: str) -> set[str]:
    """The top folders, beside site-packages, that a RECORD names."""
    found: set[str] = set()
    try:
        text = Path(info, "RECORD").read_text("utf-8", errors="surrogateescape")
    except OSError:
        return found
    for line in text.splitlines():
        if line.startswith(("../", '"../')):
            path = os.path.normpath(os.path.join(location, line.strip('"').partition(",")[0]))  # noqa: PTH118
            inside = os.path.relpath(path, prefix)
            # Beside site-packages only its own folder, not all of lib.
            top = os.path.dirname(inside) if inside.startswith("lib/") else inside.split("/")[0]  # noqa: PTH120
            if top not in ("..", ".", "lib", ""):
                found.add(top)
    return found


def _room_hint(prefix: str) -> str:
    return f"Make room on the disk of {prefix}, then run this again."


@contextmanager
def interruptions() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise Interrupted, so that what was begun is undone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No signal that can be held off breaks into putting back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
