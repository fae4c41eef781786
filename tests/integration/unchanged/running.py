"""The command as a user starts it, in a folder of its own, and what of it can be compared."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "parakeet_cli")
RECORDED = Path(__file__).parent.parent.parent / "fixtures" / "unchanged"
MOCK = {"PERSONALPARAKEET_USE_MOCK_STT": "true"}

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended. What it says on stderr is for messages of failed tests alone."""

    code: int
    out: bytes
    err: str


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of the one who tests but PATH: a home and XDG folders of the run's own."""
    given = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {
        **given,
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home/config"),
        "XDG_CACHE_HOME": str(folder / "home/cache"),
        "XDG_DATA_HOME": str(folder / "home/data"),
        "XDG_STATE_HOME": str(folder / "home/state"),
        "XDG_RUNTIME_DIR": str(folder / "home/run"),
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **(more or {}),
    }


def start(
    folder: Path, *arguments: str, env: Mapping[str, str] = MOCK, **options: Any
) -> subprocess.Popen[bytes]:
    """`parakeet ARGUMENTS` in `folder`, with the mock engine unless `env` says otherwise."""
    (folder / "home/run").mkdir(parents=True, exist_ok=True, mode=0o700)
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, env),
        **{**streams, **options},
    )


def parakeet(
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] = MOCK,
    stdin: bytes | None = None,
    code: int | None = 0,
) -> Done:
    """The same, to its end, and with that exit code (None: with any)."""
    options = {} if stdin is None else {"stdin": subprocess.PIPE}
    process = start(folder, *arguments, env=env, **options)
    out, err = process.communicate(stdin, timeout=120)
    done = Done(process.returncode, out, err.decode("utf-8", "replace"))
    assert code in (None, done.code), (arguments, done)
    return done


# What can't be the same twice


_VERSION = re.compile(rb'("device": "cpu", "version": "|with mock )[0-9][^" ]*')
# requirements-torch.txt alone names it.
_TORCH_INDEX = re.compile(rb'(--index-url )https://[^\s"\\]+')
_EMBEDDED = re.compile(rb"(data:[a-z0-9.+-]+/[a-z0-9.+-]+;base64,)([A-Za-z0-9+/=]{1000,})")


def _sum(found: re.Match[bytes]) -> bytes:
    return found[1] + b"<SHA-256 " + hashlib.sha256(found[2]).hexdigest().encode() + b">"


def stable(data: bytes, folder: Path) -> bytes:
    """An output without the folder it was made in, the version that made it and torch's index.

    An embedded recording is replaced by its sum, so that what is recorded stays small.
    """
    data = data.replace(str(folder).encode(), b"<folder>")
    data = _VERSION.sub(rb"\1<version>", data)
    data = _TORCH_INDEX.sub(rb"\1<index>", data)
    return _EMBEDDED.sub(_sum, data)


def made(folder: Path, *below: str) -> Files:
    """Every file below those folders of `folder`, by its name from there."""
    return {
        str(path.relative_to(folder)): stable(path.read_bytes(), folder)
        for name in below
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }


def as_json(value: object) -> bytes:
    """Something that was read, as a file whose differences can be read."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


# What is recorded

Case = Callable[[Path], Files]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Its outputs are held; the name of the function is that of their folder."""
    CASES[function.__name__] = function
    return function


AS_DATA = ".data"  # follows the name of a recorded page, so that no tool takes it for source


def recorded(name: str) -> Files:
    """The outputs of a case as they were recorded."""
    folder = RECORDED / "outputs" / name
    return {
        str(path.relative_to(folder)).removesuffix(AS_DATA): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
