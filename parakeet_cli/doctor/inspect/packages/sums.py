"""Compares the SHA-256 of installed files with what RECORD gives, for `--deep`.

A file of the right size can have the wrong content: a disk or a copy that failed, or a file of
another build. Every file is read, so this takes as long as the disk.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from parakeet_cli.doctor.facts import Distribution, is_compiled
from parakeet_cli.doctor.inspect.packages.distributions import recorded_files
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.system.regular_files import open_regular, read_regular

PREFIX = "sha256="
MOST_THREADS = 8


def compare_sums(distributions: Iterable[Distribution]) -> tuple[Distribution, ...]:
    """The distributions, each with the files whose content isn't the one that was installed.

    Only code is compared: a person or a program may change data. Those of which RECORD may be
    older than the files (`trusted` is false) are left as they are.
    """
    found = tuple(distributions)
    asked = [(dist, path, digest) for dist in found for path, digest in _recorded_sums(dist)]
    with ThreadPoolExecutor(min(MOST_THREADS, usable_cores())) as pool:
        sums = list(pool.map(lambda row: _sum(f"{row[0].location}/{row[1]}"), asked))
    differing: dict[tuple[str, str], list[str]] = {}
    # Several distributions may bring one file: it is whole if it is what one of them brought.
    whole = {
        (dist.location, path)
        for (dist, path, digest), made in zip(asked, sums, strict=True)
        if made == digest
    }
    for (dist, path, digest), made in zip(asked, sums, strict=True):
        if made and made != digest and (dist.location, path) not in whole:
            differing.setdefault((dist.info, dist.name), []).append(path)
    return tuple(
        replace(dist, altered=(*dist.altered, *differing.get((dist.info, dist.name), ())))
        for dist in found
    )


def _recorded_sums(dist: Distribution) -> Iterator[tuple[str, str]]:
    """Each file of code with its sum, but for those whose size is wrong already."""
    if not dist.trusted or not dist.has_record:
        return
    try:
        record = read_regular(Path(dist.info, "RECORD"))
    except OSError:
        return  # it went while it was looked at; a missing RECORD is found elsewhere
    known = {file.path for file in dist.resized}
    for path, digest, size, _ in recorded_files(record):
        code = path.endswith(".py") or is_compiled(path)
        if code and size is not None and digest.startswith(PREFIX) and path not in known:
            yield path, digest.removeprefix(PREFIX)


def _sum(path: str) -> str:
    """The SHA-256 as RECORD has it, in URL-safe Base64 without padding; "" if it can't be read."""
    try:
        with open(open_regular(path), "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
    except (OSError, ValueError):
        return ""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
