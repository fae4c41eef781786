"""Sums of files: SHA-256, and what git calls them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def sha256_of(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """The SHA-256 sum of a file, in hexadecimal digits; `advance` is told of each block."""
    return _digest(hashlib.sha256(), path, advance)


def git_sum_of(path: Path) -> str:
    """What git calls a file: the hub's name for what is not in LFS."""
    return _digest(hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False), path)


def _digest(digest: Any, path: Path, advance: Callable[[int], None] | None = None) -> str:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if advance is not None:
                advance(len(block))
    return str(digest.hexdigest())
