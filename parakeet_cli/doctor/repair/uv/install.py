"""Installs a repair's wheels with uv, which unpacks on every core, over what is there.

Nothing is compiled: what the engine imports is when the repair is proved (`take_bytecode`).

uv unpacks into a cache in the repair's own folder and links from there: nothing is written twice,
and no file of the environment is one of the user's cache. It can't write into a file that the
snapshot is linked to: where no link can be made from that folder, the snapshot is a copy as well.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair.plan import Change
from parakeet_cli.doctor.repair.rollback.journal import same_mtime
from parakeet_cli.doctor.repair.uv.solve import UvFailed, find_uv, run

LOCK = ".lock"  # which uv leaves in an environment

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UvInstaller:
    """How to install a repair's wheels into one environment."""

    executable: str
    python: str
    prefix: str
    site_packages: str
    wheels: Path
    work: Path  # the repair's folder for temporary files
    descriptors: tuple[int, ...]  # that each process inherits: the lock

    def install(self, changes: Sequence[Change]) -> None:
        """Install exactly these from the wheels, over what is there. Raises UvFailed."""
        command = [
            *(self.executable, "--no-config", "pip", "install", "--offline", "--no-index"),
            *("--no-progress", "--color", "never", "--python", self.python),
            *("--find-links", str(self.wheels), "--no-deps", "--reinstall"),
            *("--link-mode", "hardlink", *(change.pinned for change in changes)),
        ]
        variables = {"UV_CACHE_DIR": str(self.work / "uv"), "TMPDIR": str(self.work)}
        with self._lock_file():
            run(command, variables, descriptors=self.descriptors)

    @contextmanager
    def _lock_file(self) -> Iterator[None]:
        """uv's lock file while it works: it makes one in each environment, and leaves it there.

        Made here, the environment's folder has its old time whenever this process is killed.
        """
        lock = Path(self.prefix, LOCK)
        if os.path.lexists(lock):
            yield
            return
        # The outer one is for a signal that ends the inner ones before they are done.
        with same_mtime(self.prefix):
            try:
                with same_mtime(self.prefix):
                    lock.touch()
                yield
            finally:
                with same_mtime(self.prefix):
                    lock.unlink(missing_ok=True)


def find_installer(
    facts: Facts, wheels: Path, work: Path, descriptors: tuple[int, ...]
) -> UvInstaller | None:
    """uv for this environment; None where pip has to do it."""
    target = facts.interpreter
    try:
        uv = find_uv(facts)
    except UvFailed as error:
        _log.info("uv can't install, so pip does: %s", error)
        return None
    return UvInstaller(
        uv.executable,
        uv.python,
        target.prefix,
        target.site_packages,
        wheels,
        work,
        descriptors,
    )
