"""Sent on stdin to the ML interpreter: imports each module named, says how it went.

Standard library only, and nothing of ours. One JSON object a line on the stream that was
stdout when it began; what the modules print goes to stderr. It ends at the first failure:
after one, further imports in the same process say nothing about the environment.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import time
import traceback
from typing import TextIO


def main() -> None:
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()  # a crash leaves the line it happened on, on stderr
    for name in sys.argv[1:]:
        _say(events, event="begin", name=name)
        began = time.monotonic()
        try:
            importlib.import_module(name)
        except BaseException as error:  # SystemExit at import is a failure as well
            _say(
                events,
                event="failed",
                name=name,
                seconds=time.monotonic() - began,
                **_told(error),
            )
            break
        _say(events, event="ok", name=name, seconds=time.monotonic() - began)
    # Threads and exit handlers of a half-working stack may hang or crash: no part of this.
    os._exit(0)


def _say(events: TextIO, **fields: object) -> None:
    events.write(json.dumps(fields) + "\n")
    events.flush()


def _told(error: BaseException) -> dict[str, object]:
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
    """Down the chain of causes. A module that isn't there is a cause of its own: what was
    being handled then was an optional import that this one stands in for.
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
