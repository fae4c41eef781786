"""Asks servers how large files are that are to be downloaded, and remembers the answers.

The cache is in the user's cache folder. It has digests of URLs, not the URLs themselves, which
may have passwords in them. What it says is only shown to people: a wrong size does no harm.
"""

from __future__ import annotations

import hashlib
import json
import logging
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from http.client import HTTPException
from pathlib import Path

from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.system.safety.private_folders import private_folder

SECONDS = 5.0  # for one server's answer, and twice that for all
REQUESTS = 16  # at a time
MOST_REMEMBERED = 4000  # sizes; a plan has some 150
_LARGEST_CACHE = 1 << 20  # bytes
_SCHEMA = 1

_log = logging.getLogger(__name__)


def download_sizes(urls: Iterable[str], cache: Path | None = None) -> dict[str, int]:
    """Bytes of each file whose size is known.

    An index doesn't say; the server of a file does, if asked for its headers alone. If it
    doesn't answer soon, or wants a name and a password, the size isn't known. A server is asked
    once for a file, since an index never gives a file other bytes.
    """
    sizes: dict[str, int] = {}
    remote: list[str] = []
    cache = _cache_file() if cache is None else cache
    known = {} if cache is None else _load(cache)
    for url in urls:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "file":
            path = Path(urllib.parse.unquote(parts.path))
            if path.is_file():
                sizes[url] = path.stat().st_size
        elif parts.scheme in ("http", "https") and parts.username is None:
            if (size := known.get(_key(url))) is not None:
                sizes[url] = size
            else:
                remote.append(url)
    if remote:
        answers = _ask(remote)
        sizes |= answers
        if cache is not None:
            _save(cache, known | {_key(url): size for url, size in answers.items()})
    return sizes


def _ask(urls: Iterable[str]) -> dict[str, int]:
    pool = ThreadPoolExecutor(REQUESTS)
    try:
        requests = {pool.submit(_content_length, url): url for url in urls}
        answered, _ = wait(requests, timeout=2 * SECONDS)
        return {requests[one]: size for one in answered if (size := one.result()) is not None}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _content_length(url: str) -> int | None:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            length = answer.headers.get("Content-Length")
    except (OSError, ValueError, HTTPException):  # no answer, a refusal, or nonsense
        return None
    return int(length) if length and length.isdigit() else None


# The cache


def _cache_file() -> Path | None:
    from platformdirs import user_cache_path

    try:
        return user_cache_path("parakeet", appauthor=False) / "doctor" / "download-sizes.json"
    except RuntimeError as error:  # the user has no home folder
        _log.info("The sizes of downloads can't be cached: %s", error)
        return None


def _key(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _load(path: Path) -> dict[str, int]:
    """The sizes that are remembered, oldest first; none if the file can't be read."""
    try:
        data = json.loads(read_regular(path, _LARGEST_CACHE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _log.info("The cached sizes of downloads can't be read: %s", error)
        return {}
    sizes = data.get("sizes") if isinstance(data, dict) and data.get("schema") == _SCHEMA else None
    if not isinstance(sizes, dict):
        return {}
    return {key: size for key, size in sizes.items() if type(size) is int and size >= 0}


def _save(path: Path, sizes: Mapping[str, int]) -> None:
    newest = dict(list(sizes.items())[-MOST_REMEMBERED:])
    try:
        private_folder(path.parent)
        with atomic_writer(path, mode=0o600) as stream:
            stream.write(json.dumps({"schema": _SCHEMA, "sizes": newest}).encode())
    except OSError as error:
        _log.info("The sizes of downloads can't be cached: %s", error)
