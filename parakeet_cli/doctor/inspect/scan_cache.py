"""Caches what was read from a compiled file for as long as the file doesn't change.

A file counts as unchanged while its size, modification time (ns) and inode are the same.
The cache is in the user's cache folder. If it can't be read or written, the files are
scanned again and the diagnosis has a note that says so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.system.safety.private_folders import private_folder

SCHEMA = 1  # increase it when `scan` reads something new

Scan = dict[str, object]


class ScanCache:
    """Scans by path for one environment. `problem` says why nothing is cached, if so."""

    def __init__(self, prefix: str, folder: Path | None = None) -> None:
        self.problem = ""
        self._changed = False
        self._used: dict[str, list[object]] = {}
        try:
            if folder is None:
                import platformdirs

                folder = platformdirs.user_cache_path("parakeet", appauthor=False) / "doctor"
            digest = hashlib.sha256(prefix.encode("utf-8", "surrogateescape")).hexdigest()[:16]
            self._file: Path | None = folder / f"scan-{digest}.json"
        except (OSError, RuntimeError) as error:  # the user has no home folder
            self._file = None
            self.problem = f"no cache folder: {error}"
        self._stored = self._load()

    def get(self, path: str, scan: Callable[[str], Scan]) -> Scan:
        """The file's scan, cached or new. Raises OSError for an unreadable file."""
        status = os.stat(path)  # noqa: PTH116 - hot
        key: list[object] = [status.st_size, status.st_mtime_ns, status.st_ino]
        stored = self._stored.get(path)
        if stored is not None and stored[:3] == key and isinstance(stored[3], dict):
            self._used[path] = stored
            return stored[3]
        fresh = scan(path)
        self._used[path] = [*key, fresh]
        self._changed = True
        return fresh

    def save(self) -> None:
        """Write the scans that this run used; those of deleted files are dropped."""
        if self._file is None or not (self._changed or len(self._used) != len(self._stored)):
            return
        try:
            private_folder(self._file.parent)
            with atomic_writer(self._file, mode=0o600) as stream:
                stream.write(json.dumps({"schema": SCHEMA, "files": self._used}).encode())
        except OSError as error:
            self.problem = f"the scan of compiled files can't be cached: {error}"

    def _load(self) -> dict[str, list[object]]:
        if self._file is None:
            return {}
        try:
            data = json.loads(read_regular(self._file))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self.problem = f"the cached scan of compiled files can't be read: {error}"
            return {}
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            return {}
        files = data.get("files")
        if not isinstance(files, dict):
            return {}
        return {path: row for path, row in files.items() if isinstance(row, list) and len(row) == 4}
