"""Checksums of files: SHA-256, and git's own for a blob."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def sha256_of(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """A file's SHA-256 in hexadecimal digits; `advance` is called with each block's bytes."""
    return _hex_digest(hashlib.sha256(), path, advance)


def git_sum_of(path: Path) -> str:
    """A file's SHA-1 as git computes it: the hub's name for files that are not in LFS."""
    header = b"blob %d\0" % path.stat().st_size
    return _hex_digest(hashlib.sha1(header, usedforsecurity=False), path)


def _hex_digest(digest: Any, path: Path, advance: Callable[[int], None] | None = None) -> str:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if advance is not None:
                advance(len(block))
    return str(digest.hexdigest())
