"""How much there is to download, as far as the files' servers tell.

An index doesn't say; the server of a file does, when asked for its headers alone. Where
it doesn't answer in a moment, or wants a name and a password, the size is not known.
"""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from http.client import HTTPException
from pathlib import Path

SECONDS = 5.0  # for one answer, and twice that for all
AT_ONCE = 16


def of(urls: Iterable[str]) -> dict[str, int]:
    """Bytes of each file whose size is known."""
    found: dict[str, int] = {}
    remote: list[str] = []
    for url in urls:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "file":
            path = Path(urllib.parse.unquote(parts.path))
            if path.is_file():
                found[url] = path.stat().st_size
        elif parts.scheme in ("http", "https") and parts.username is None:
            remote.append(url)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        asked = {pool.submit(_ask, url): url for url in remote}
        answered, _ = wait(asked, timeout=2 * SECONDS)
        found |= {asked[one]: size for one in answered if (size := one.result()) is not None}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return found


def _ask(url: str) -> int | None:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            length = answer.headers.get("Content-Length")
    except (OSError, ValueError, HTTPException):  # no answer, a refusal, or nonsense
        return None
    return int(length) if length and length.isdigit() else None
