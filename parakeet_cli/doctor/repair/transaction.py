"""Carries out a repair as a transaction: it ends complete, or the environment is restored.

Everything is unpacked beside the environment, or made into wheels, before anything changes; every
file is in a snapshot before anything changes; each step is in the journal before it begins.
Whatever happens in between, `undo` or the next command of any kind makes the environment what
it was.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair.pip import OnProgress, Pip, PipProgress
from parakeet_cli.doctor.repair.plan import Change, PipRun, Step
from parakeet_cli.doctor.repair.resolve import Resolution
from parakeet_cli.doctor.repair.rollback import registry, snapshot
from parakeet_cli.doctor.repair.rollback.events import RepairEvent, is_root
from parakeet_cli.doctor.repair.rollback.journal import RepairJournal
from parakeet_cli.doctor.repair.rollback.restore import RestoreIncomplete, restore
from parakeet_cli.doctor.repair.rollback.startup import start_time
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused, check_way
from parakeet_cli.doctor.repair.uv.configuration import NoEqual, lines_of_sources
from parakeet_cli.doctor.repair.uv.install import LOCK, UvInstaller, find_installer
from parakeet_cli.doctor.repair.uv.solve import UvFailed
from parakeet_cli.doctor.repair.uv.stage import SCHEME_FOLDERS, Stage, stage
from parakeet_cli.doctor.repair.wheels import fetch, installed_size
from parakeet_cli.errors import Refused
from parakeet_cli.system.processes import TERMINATIONS, handle_signals, signal_name
from parakeet_cli.system.regular_files import read_regular

# Where pip's install schemes put things inside an environment, and what uv leaves.
ROOTS = (*SCHEME_FOLDERS, LOCK)
ALONE = ("--force-reinstall", "--no-deps")
SPARE = 64 * 2**20  # bytes that stay free on the disk
NAME_SIZE = 600  # bytes for a file in the snapshot: two manifests, a folder's entry


_log = logging.getLogger(__name__)


class Interrupted(Exception):
    """Ctrl-C, or a signal that asks the process to end."""


class Transaction:
    """One repair. The caller holds the environment's lock for as long as this exists."""

    def __init__(self, facts: Facts, pip: Pip, resolution: Resolution, lock: int) -> None:
        """`lock` is the descriptor of the environment's lock, which pip inherits."""
        self._facts, self._resolution = facts, resolution
        self._prefix = facts.interpreter.prefix
        self._pip = replace(pip, descriptors=(lock,))
        self._begun: RepairJournal | None = None
        self._stage: Stage | None = None  # None where wheels are installed
        self._uv: UvInstaller | None = None  # None where pip installs those

    # Before anything changes

    def prepare(self, *, on_progress: OnProgress | None = None) -> None:
        """Unpack or make all that is installed, after a look at the disk. Raises Refused."""
        # Registered first: a repair that is killed once its folder exists is found again.
        registry.register(self._prefix)
        try:
            python = self._facts.interpreter.executable
            facts = {"python": python, "started": start_time(os.getpid())}
            journal = self._begun = RepairJournal.begin(self._prefix, facts)
            scratch = journal.work / "tmp"
            scratch.mkdir()
            self._wheels.mkdir()
            self._pip = replace(self._pip, scratch=str(scratch))
            self._uv = find_installer(self._facts, self._wheels, scratch, self._pip.descriptors)
            size = sum(change.size or 0 for change in self._resolution.installs)
            self._check_room(size, "download")
            journal.write(RepairEvent.FETCHING)
            self._stage = self._unpacked(scratch, on_progress)
            staged = self._stage.files if self._stage else {}
            left = tuple(one for one in self._resolution.installs if one.name not in staged)
            resolution = replace(self._resolution, installs=left)
            fetch(self._pip, resolution, self._wheels, on_progress=on_progress)
            self._exact.write_text("".join(f"{one}\n" for one in self._resolution.pinned))
            journal.write(RepairEvent.FETCHED)
        except OSError as error:
            raise Refused(
                f"The repair can't be prepared, so nothing was changed: {error.strerror or error}",
                hint=self._room_hint,
            ) from error

    def _unpacked(self, scratch: Path, on_progress: OnProgress | None) -> Stage | None:
        """What is new, unpacked by uv; None where it has to be made into wheels.

        Only an installer can replace what is there. And wheels from a folder that somebody else
        filled are each checked before they are opened.
        """
        new = [change for change in self._resolution.installs if change.before is None]
        settings, sources = self._resolution.uv, self._resolution.sources
        if settings is None or sources.wheelhouse or not new:
            return None
        report = on_progress or (lambda _: None)
        try:
            return stage(
                self._facts,
                new,
                lines_of_sources(sources),
                settings,
                self._journal.work / "stage",
                scratch=scratch,
                descriptors=self._pip.descriptors,
                on_file=lambda file: report(PipProgress(file)),
            )
        except (NoEqual, UvFailed) as error:
            _log.info("uv can't unpack what is installed, so pip makes wheels: %s", error)
            return None

    def take_snapshot(self) -> None:
        """Link every file that may change into the snapshot. Raises Refused if one can't be."""
        journal = self._journal
        try:
            needed = installed_size(self._wheels)
            if self._stage is not None:
                needed += self._stage.size
            roots = self._roots(needed.data_folders)
            journal.write(RepairEvent.TAKING_SNAPSHOT, roots=roots)
            check_way(self._prefix, roots)
            before = snapshot.scan(self._prefix, roots)
            self._check_room(needed.size + NAME_SIZE * (len(before) + needed.files), "install")
            snapshot.write_manifest(journal.before, before)
            snapshot.take(self._prefix, before, journal.snapshot)
            journal.write(RepairEvent.SNAPSHOT_TAKEN, roots=roots, files=len(before))
        except (OSError, JournalRefused) as error:
            raise Refused(
                f"No snapshot can be taken, so nothing was changed: {error}",
                hint=self._room_hint,
            ) from error

    # The change

    def carry_out(self, step: Step, *, on_progress: OnProgress | None = None) -> None:
        """Remove and install what one step says. Raises PipFailed or OSError."""
        self._journal.write(RepairEvent.STEP, stage=step.stage, title=step.title)
        for path in step.remove:
            self._remove(path)
        self._remove_empty({str(Path(path).parent) for path in step.remove})
        for run in step.runs:
            if run.verb != "install":
                self._pip.run([run.verb, *run.arguments], on_progress=on_progress, sealed=True)
        self._install(step, on_progress)
        self._journal.write(RepairEvent.STEP_DONE, stage=step.stage)

    def _remove(self, path: str) -> None:
        if os.path.commonpath([self._prefix, path]) != self._prefix:
            raise OSError(f"{path} is not inside {self._prefix}")
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)

    def _remove_empty(self, folders: Collection[str]) -> None:
        """Remove folders in which nothing is left, and those above them; no top folder."""
        for folder in sorted(folders, key=len, reverse=True):
            here = Path(folder)
            with suppress(OSError):  # there is something else in it, or it is gone
                while len(here.relative_to(self._prefix).parts) > 1:
                    here.rmdir()
                    here = here.parent

    def _install(self, step: Step, on_progress: OnProgress | None) -> None:
        """Move what is unpacked, and install the wheels of the rest."""
        staged = self._stage.files if self._stage else {}
        if self._stage is not None:
            self._stage.move(one for one in step.changes if one.name in staged)
        wheels = [one for one in step.changes if one.name not in staged]
        if not wheels or self._install_with_uv(wheels):
            return
        runs = [run for run in step.runs if run.verb == "install"]
        if staged:  # what else the step's commands name is there
            runs = [PipRun("install", tuple(one.pinned for one in wheels), ALONE)]
        for run in runs:
            self._pip.run(self._arguments(run), on_progress=on_progress, sealed=True)

    def _install_with_uv(self, changes: Sequence[Change]) -> bool:
        """Install these wheels; False where pip has to, which has the same."""
        if self._uv is None:
            return False
        try:
            self._uv.install(changes)
        except UvFailed as error:
            _log.info("uv can't install, so pip does: %s", error)
            return False
        return True

    def _arguments(self, run: PipRun) -> list[str]:
        sources = ["--no-index", "--find-links", str(self._wheels), "-c", str(self._exact)]
        return ["install", *sources, *run.flags, *run.arguments]

    # The end

    def begin_verifying(self) -> None:
        self._journal.write(RepairEvent.VERIFYING)

    def take_bytecode(self, folder: str) -> None:
        """Move in what the proof has compiled below a folder. Raises OSError.

        The engine's worker writes no bytecode (-B), and what it imports is what the proof imports.
        The rest of a stack, two thirds of it, is compiled when it is used, as after
        `uv pip install`. The proof itself doesn't write it here: its processes may outlive this
        one, and then go on while the environment is restored.
        """
        site = self._facts.interpreter.site_packages
        for source in snapshot.files_in(Path(folder + site)):
            target = Path(source.removeprefix(folder))
            target.parent.mkdir(exist_ok=True)  # the `__pycache__` beside the source
            shutil.move(source, target)

    def complete(self, summary: str) -> None:
        """The repair is proved: what never changed leaves the snapshot. Raises OSError."""
        journal = self._journal
        after = snapshot.scan(self._prefix, journal.roots)
        snapshot.write_manifest(journal.after, after)
        journal.write(RepairEvent.COMPLETE, summary=summary)
        before = snapshot.read_manifest(journal.before)
        snapshot.drop_unchanged(self._prefix, before, journal.snapshot)
        journal.drop_temporary()
        registry.unregister(self._prefix)

    def snapshot_size(self) -> int:
        """Bytes that only the snapshot holds."""
        return snapshot.exclusive_size(self._journal.snapshot)

    @property
    def changed(self) -> bool:
        """Whether the environment may differ from what it was."""
        return self._begun is not None and self._begun.changed

    def undo(self) -> bool:
        """Restore everything; False if nothing had been changed. Raises RestoreIncomplete."""
        changed = self.changed
        if self._begun is not None:
            if changed:
                try:
                    restore(self._prefix, self._begun)
                except JournalRefused as error:  # something wrote into it meanwhile
                    raise RestoreIncomplete(str(error)) from error
            else:
                self._begun.remove()
        registry.unregister(self._prefix)
        return changed

    # Parts

    @property
    def _journal(self) -> RepairJournal:
        assert self._begun is not None, "prepare() comes first"
        return self._begun

    @property
    def _wheels(self) -> Path:
        return self._journal.work / "wheels"

    @property
    def _exact(self) -> Path:
        return self._journal.work / "exact.txt"

    def _roots(self, data_folders: frozenset[str]) -> list[str]:
        """Site-packages, pip's other folders, and all that RECORD files and wheels name."""
        site = os.path.relpath(self._facts.interpreter.site_packages, self._prefix)
        reached = {site, *ROOTS, *data_folders}
        for dist in self._facts.distributions:
            if dist.location == self._facts.interpreter.site_packages:
                reached |= _folders_in_record(self._prefix, dist.location, dist.info)
        for path in (path for step in self._resolution.plan.steps for path in step.remove):
            reached.add(_root_of(os.path.relpath(path, self._prefix)))
        if odd := sorted(root for root in reached - {"", "."} if not is_root(root)):
            raise OSError(f"files would go to {odd[0]!r}, outside of what a repair may change")
        reached -= {"", "."}
        return sorted(
            root
            for root in reached
            if not any(root != other and root.startswith(f"{other}/") for other in reached)
        )

    def _check_room(self, needed: int, verb: str) -> None:
        free = shutil.disk_usage(self._prefix).free
        if free < needed + min(SPARE, max(needed, 2**20)):
            raise Refused(
                f"There is too little room to {verb}: {needed / 2**20:.0f} MiB are needed, "
                f"{free / 2**20:.0f} MiB are free. Nothing was changed.",
                hint=self._room_hint,
            )

    @property
    def _room_hint(self) -> str:
        return f"Make room on the disk of {self._prefix}, then run this again."


def _root_of(inside: str) -> str:
    """What the snapshot covers for a path: its top folder; in lib the file, or the one below."""
    parts = inside.split("/")
    return "/".join(parts[:2]) if parts[0] in ("lib", "lib64") else parts[0]


def _folders_in_record(prefix: str, location: str, info: str) -> set[str]:
    """The top folders, beside site-packages, that a RECORD names."""
    found: set[str] = set()
    try:
        text = read_regular(Path(info, "RECORD")).decode("utf-8", "surrogateescape")
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


# Signals

_SIGNALS = (signal.SIGINT, *TERMINATIONS)


def interruptible() -> AbstractContextManager[None]:
    """SIGINT, SIGTERM and SIGHUP raise Interrupted, so that what was begun is undone."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(signal_name(number))

    return handle_signals(interrupt, *_SIGNALS)


def uninterruptible() -> AbstractContextManager[None]:
    """SIGINT, SIGTERM and SIGHUP are ignored, so that files can be restored."""
    return handle_signals(signal.SIG_IGN, *_SIGNALS)
