"""Probe script: imports each named module and writes the results as JSON lines.

It is sent on stdin to the ML interpreter and uses the standard library only. It writes to
the original stdout; what the modules print goes to stderr. It ends at the first failure,
because later imports in the same process prove nothing about the environment. What it compiles
goes below the folder that PARAKEET_BYTECODE names, where bytecode is written at all.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import importlib.machinery
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TextIO


def main() -> None:
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if not sys.dont_write_bytecode:
        _redirect_bytecode(os.environ["PARAKEET_BYTECODE"])
    faulthandler.enable()  # after a crash, stderr has the line that crashed
    for name in sys.argv[1:]:
        _write(events, event="begin", name=name)
        began = time.monotonic()
        try:
            importlib.import_module(name)
        except BaseException as error:  # SystemExit at import is a failure too
            _write(
                events,
                event="failed",
                name=name,
                seconds=time.monotonic() - began,
                **_describe(error),
            )
            break
        _write(events, event="ok", name=name, seconds=time.monotonic() - began)
    # Skip threads and exit handlers: those of a half-working stack may hang or crash.
    os._exit(0)


def _redirect_bytecode(folder: str) -> None:
    """Write bytecode below the folder, and read it from where it always is."""

    def set_data(self: object, path: str, data: bytes, *, _mode: int = 0o666) -> None:
        target = Path(folder + os.path.abspath(path))
        with contextlib.suppress(OSError):  # as Python does: it goes without, as on a full disk
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    # Not sys.pycache_prefix, which also changes where bytecode is read.
    importlib.machinery.SourceFileLoader.set_data = set_data  # type: ignore[method-assign, assignment]


def _write(events: TextIO, **fields: object) -> None:
    events.write(json.dumps(fields) + "\n")
    events.flush()


def _describe(error: BaseException) -> dict[str, object]:
    """The innermost cause and the chain of imports that led to it."""
    cause = _innermost(error)
    frames = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(cause.__traceback__)
        if "importlib" not in frame.filename and frame.filename != "<stdin>"
    ]
    outer = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != "<stdin>"
    ]
    return {
        "cause": f"{type(cause).__name__}: {' '.join(str(cause).split())}",
        "where": (frames or outer or [""])[-1],
        "chain": outer[-8:],
        "last": "" if cause is error else f"{type(error).__name__}: {error}",
    }


def _innermost(error: BaseException) -> BaseException:
    """The last one in the chain of causes.

    For a missing module the chain ends there: the exception that was being handled belongs
    to an optional import, and this import is its fallback.
    """
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        if error.__cause__ is not None:
            error = error.__cause__
        elif (
            error.__context__ is not None
            and not error.__suppress_context__
            and not isinstance(error, ModuleNotFoundError)
        ):
            error = error.__context__
    return error


main()
