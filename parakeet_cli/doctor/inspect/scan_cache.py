"""What was read from a compiled file, kept as long as the file stays the same.

A file is the same while its size, modification time (ns) and inode are. The cache lies
in the user's cache folder; where it can't be read or written the scan is done anew and
the diagnosis says so in a note.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

SCHEMA = 1  # of the cached values: a change of what a scan reads is a new number

Scan = dict[str, object]


class ScanCache:
    """Scans by path for one environment. `problem` says why nothing is kept, if so."""

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
        except (OSError, RuntimeError) as error:  # no home folder at all
            self._file = None
            self.problem = f"no cache folder: {error}"
        self._kept = self._load()

    def get(self, path: str, scan: Callable[[str], Scan]) -> Scan:
        """The file's scan, from the cache or anew. Raises OSError for an unreadable file."""
        status = os.stat(path)  # noqa: PTH116 - hot
        key: list[object] = [status.st_size, status.st_mtime_ns, status.st_ino]
        kept = self._kept.get(path)
        if kept is not None and kept[:3] == key and isinstance(kept[3], dict):
            self._used[path] = kept
            return kept[3]
        fresh = scan(path)
        self._used[path] = [*key, fresh]
        self._changed = True
        return fresh

    def save(self) -> None:
        """Write what this run used; files that are gone drop out."""
        if self._file is None or not (self._changed or len(self._used) != len(self._kept)):
            return
        temporary = ""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._file.parent, prefix=".scan-", delete=False
            ) as stream:
                temporary = stream.name
                json.dump({"schema": SCHEMA, "files": self._used}, stream)
            os.replace(temporary, self._file)  # noqa: PTH105
        except OSError as error:
            self.problem = f"the scan of compiled files can't be kept: {error}"
            if temporary:
                Path(temporary).unlink(missing_ok=True)

    def _load(self) -> dict[str, list[object]]:
        if self._file is None:
            return {}
        try:
            data = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            self.problem = f"the kept scan of compiled files can't be read: {error}"
            return {}
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            return {}
        files = data.get("files")
        if not isinstance(files, dict):
            return {}
        return {path: row for path, row in files.items() if isinstance(row, list) and len(row) == 4}
