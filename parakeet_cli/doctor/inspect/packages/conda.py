"""Reads conda's records and compares the files of its packages with them.

`conda-meta/NAME-VERSION-BUILD.json` has the size and the SHA-256 of each file: `paths_data` in
https://docs.conda.io/projects/conda/en/stable/dev-guide/specs/. pip's RECORD has those of Python
packages alone, and conda changes files after it was written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.facts import CondaRecord, Distribution, Interpreter, WrongSize, is_compiled
from parakeet_cli.doctor.parallel_map import map_in_processes
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.regular_files import open_regular, read_regular

DISTRIBUTION = re.compile(
    r"/(?:site|dist)-packages/([^/\\]+)\.(?:dist-info/METADATA|egg-info(?:/PKG-INFO)?)$"
)
NAME_AND_VERSION = re.compile(r"(.+?)-(\d[^-]*)")  # and "-py3.11" in the names of eggs
IN_SITE = re.compile(r"^lib/python[\d.]+/site-packages/(.+)$")
SHARED_FROM = 1 << 20  # bytes of records; a process takes as long to start
_MOST_FILE = 4 << 30  # bytes; the largest file of code, of CUDA's libraries, has half of that
MOST_RECORD = 64 << 20  # bytes; that of a package with 100,000 files has 40 MiB


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a package, as its record has it."""

    path: str  # relative to the prefix
    size: int | None  # bytes; None if conda wrote something else into it
    sha256: str


def read_conda_records(interpreter: Interpreter, *, deep: bool = False) -> tuple[CondaRecord, ...]:
    """Conda's packages, and which of their files aren't as they were installed.

    With `deep` the content of those of the right size is compared, too.
    """
    folder = Path(interpreter.prefix) / "conda-meta"
    if not folder.is_dir():
        return ()
    names = [
        name
        for name in sorted(os.listdir(folder))  # noqa: PTH208
        if name.endswith(".json") and name.count("-") >= 2
    ]
    size = sum((folder / name).stat().st_size for name in names)
    number = min(4, usable_cores()) if deep or size >= SHARED_FROM else 1
    shares = [names[first::number] for first in range(number)]
    found = map_in_processes(
        lambda share: [_read(folder / name, interpreter.prefix, deep=deep) for name in share],
        shares,
    )
    records = {
        name: record
        for share, read in zip(shares, found, strict=True)
        for name, record in zip(share, read, strict=True)
    }
    return tuple(records[name] for name in names)


def with_conda_files(
    distributions: Sequence[Distribution], records: Sequence[CondaRecord]
) -> tuple[tuple[Distribution, ...], tuple[CondaRecord, ...]]:
    """Both, where a damaged file of a Python package is told of its distribution alone.

    What pip has replaced since is no longer conda's: pip's own RECORD counts.
    """
    first = {dist.name: dist for dist in reversed(distributions)}
    changed: dict[str, Distribution] = {}
    left: list[CondaRecord] = []
    for record in records:
        dists = [first[name] for name, _ in record.distributions if name in first]
        ours = [dist for dist in dists if dist.conda]
        if len(ours) == len(dists) == 1:
            changed[ours[0].info] = _with_damage(ours[0], record)
        if record.distributions and (len(ours) < len(record.distributions) or len(ours) == 1):
            record = replace(
                record,
                resized=tuple(one for one in record.resized if not IN_SITE.match(one.path)),
                altered=tuple(path for path in record.altered if not IN_SITE.match(path)),
            )
        left.append(record)
    return tuple(changed.get(dist.info, dist) for dist in distributions), tuple(left)


def _with_damage(dist: Distribution, record: CondaRecord) -> Distribution:
    known = {one.path for one in dist.resized}
    resized = [
        replace(one, path=match[1])
        for one in record.resized
        if (match := IN_SITE.match(one.path)) and match[1] not in known
    ]
    altered = [match[1] for path in record.altered if (match := IN_SITE.match(path))]
    return replace(
        dist,
        resized=(*dist.resized, *resized),
        altered=tuple(dict.fromkeys((*dist.altered, *altered))),
    )


def _read(path: Path, prefix: str, *, deep: bool) -> CondaRecord:
    name, version, _ = path.name.removesuffix(".json").rsplit("-", 2)
    try:
        record = json.loads(read_regular(path, MOST_RECORD))
        rows = record["paths_data"]["paths"] if "paths_data" in record else ()
        listed = record.get("files", ())
        found = dict.fromkeys(
            match[1] for file in listed if (match := DISTRIBUTION.search(str(file)))
        )
        files = [file for row in rows if (file := _file(row)) is not None]
        cache = str(record.get("extracted_package_dir") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return CondaRecord(name, version)  # a damaged record says nothing about the package
    pairs = (NAME_AND_VERSION.match(one) for one in found)
    sizes = {file.path: _size(f"{prefix}/{file.path}") for file in files}
    resized = tuple(
        WrongSize(file.path, found_size, file.size)
        for file in files
        if (found_size := sizes[file.path]) is not None
        and file.size is not None
        and found_size != file.size
    )
    wrong = {one.path for one in resized}
    altered = tuple(
        file.path
        for file in files
        if deep and file.path not in wrong and not _is_same(f"{prefix}/{file.path}", file)
    )
    damaged = tuple(one for one in resized if one.damaged)
    linked = cache if Path(cache).name == path.stem else ""  # it is removed: from no other folder
    return CondaRecord(
        name,
        version,
        tuple((normalized_name(pair[1]), pair[2]) for pair in pairs if pair),
        damaged,
        altered,
        linked if _is_linked(prefix, linked, [one.path for one in damaged] + [*altered]) else "",
    )


def _is_linked(prefix: str, cache: str, paths: Sequence[str]) -> bool:
    """Whether one of these is the very file in the cache."""
    for path in paths if cache else ():
        # noarch packages have theirs in `site-packages/` there.
        for cached in (path, re.sub(r"^lib/python[\d.]+/(?=site-packages/)", "", path)):
            with suppress(OSError):
                if os.path.samefile(f"{prefix}/{path}", f"{cache}/{cached}"):  # noqa: PTH121
                    return True
    return False


def _file(row: dict[str, Any]) -> _File | None:
    """What a record says of a file that a program loads; None of another one."""
    path = str(row["_path"])
    code = path.endswith(".py") or is_compiled(path) or path.startswith("bin/")
    if not code or row.get("path_type") not in ("hardlink", "unix_python_entry_point"):
        return None
    rewritten = "prefix_placeholder" in row and row["prefix_placeholder"] is not None
    # In a text the prefix has another length; a program keeps its own, but macOS signs it again.
    resized = rewritten and (row.get("file_mode") != "binary" or sys.platform == "darwin")
    size = row.get("size_in_bytes")
    digest = row.get("sha256_in_prefix") or ("" if rewritten else row.get("sha256"))
    if row["path_type"] != "hardlink" or resized or not isinstance(size, int):
        size = None
    return _File(path, size, str(digest or ""))


def _size(path: str) -> int | None:
    """The size of a file; None if it isn't one, or is gone."""
    try:
        status = os.stat(path)  # noqa: PTH116 - hot: tens of thousands of files
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_same(path: str, file: _File) -> bool:
    """Whether its content is the recorded one, as far as that is known and can be read.

    A file whose size isn't recorded may have become any size, and isn't read to its end then.
    """
    if not file.sha256:
        return True
    try:
        with open(open_regular(path), "rb") as stream:
            if os.fstat(stream.fileno()).st_size > _MOST_FILE and file.size is None:
                return False
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    except (OSError, ValueError):
        return True
