"""Runs an interpreter that has no files to describe it, and reads what it says about itself.

Whatever is called python is run, so the time, the output and the children have limits.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from parakeet_cli.errors import UsageError
from parakeet_cli.system.processes import exit_in_words, kill_group

ASK_SECONDS = 10.0
MOST_BYTES = 1 << 20  # of an answer, which has some hundred

# With -S, importing `site` defines its functions and runs nothing.
ASK = """
import json, platform, site, sys
site.PREFIXES = [sys.prefix, sys.exec_prefix]
print(json.dumps({
    "version": platform.python_version(),
    "prefix": sys.prefix,
    "base_prefix": getattr(sys, "base_prefix", sys.prefix),
    "sites": site.getsitepackages(),
}))
"""

# Isolated, for Python 3; and for Python 2, which has no -I, by what that stands for.
ISOLATED = (("-I", "-S", "-B"), ("-E", "-s", "-S", "-B"))
NO_SUCH_OPTION = "nknown option: -I"
# What the loader and Python itself print where a Python is there and can't start.
OWN_WORDS = (
    "error while loading shared libraries",
    "symbol lookup error",
    "dyld",
    "Fatal Python error",
    "Could not find platform",
    "Traceback (most recent call last)",
    "No module named",
)


def ask_interpreter(executable: Path) -> tuple[dict[str, object], str]:
    """(answer, problem): what the interpreter says, or why it can't say anything.

    Raises UsageError if it isn't a Python.
    """
    code, output, errors = 0, "", ""
    for flags in ISOLATED:
        try:
            code, output, errors = _run([str(executable), *flags, "-c", ASK])
        except TimeoutError:
            return _problem(executable, f"it did not answer within {ASK_SECONDS:.0f} seconds")
        except OverflowError:
            raise not_a_python(executable, "it prints without end") from None
        except OSError as error:
            return _problem(executable, f"it can't be started: {error.strerror or error}")
        if code == 0 or NO_SUCH_OPTION not in errors:
            break
    if code != 0:
        said = errors.strip().splitlines() or [f"it {exit_in_words(code)}"]
        # A traceback has its error in the last line, other programs in the first.
        line = said[-1 if "Traceback" in said[0] else 0].strip()
        crashed = code < 0 or any(words in errors for words in OWN_WORDS)
        return _problem(executable, f"it fails to start: {line}", is_python=crashed)
    try:
        answer = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise not_a_python(executable) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("version"), str):
        raise not_a_python(executable)
    return answer, ""


def not_a_python(executable: Path, reason: str = "") -> UsageError:
    """The error for a program that is named as a Python and is none."""
    because = f" ({reason})" if reason else ""
    return UsageError(
        f"{executable} is not a Python{because}; --python takes the path of one, or its folder."
    )


def _problem(
    executable: Path, reason: str, *, is_python: bool = False
) -> tuple[dict[str, object], str]:
    """The reason, if it is a Python at all: one that says so, or whose library is beside it."""
    if is_python or any((executable.parent.parent / "lib").glob("python*/")):
        return {}, reason
    raise not_a_python(executable, reason)


def _run(command: list[str]) -> tuple[int, str, str]:
    """(exit status, output, errors) of a command, which is killed with all that it started.

    Raises TimeoutError after ASK_SECONDS, OverflowError for more than MOST_BYTES of output,
    and OSError if it can't be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    deadline = time.monotonic() + ASK_SECONDS
    try:
        with process.stdout as out, process.stderr as err:
            if sys.platform == "win32":  # which can't wait for pipes
                output, errors = _communicate(process)
            else:
                output, errors = _read_both(out, err, deadline)
            process.wait(max(0.0, deadline - time.monotonic()))
    except BaseException as error:
        # Not yet waited for, so that the group's number is still its own.
        kill_group(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise TimeoutError from error
        raise
    return process.returncode, output, errors


def _communicate(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What both streams bring, however much it is, as text."""
    output, errors = process.communicate(timeout=ASK_SECONDS)
    return output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")


def _read_both(out: IO[bytes], err: IO[bytes], deadline: float) -> tuple[str, str]:
    """What both streams bring until they are closed, as text."""
    found = {stream.fileno(): bytearray() for stream in (out, err)}
    with selectors.DefaultSelector() as selector:
        for descriptor in found:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                found[key.fd] += data
                if len(found[key.fd]) > MOST_BYTES:
                    raise OverflowError
                if not data:
                    selector.unregister(key.fd)
    output, errors = (bytes(data).decode("utf-8", "replace") for data in found.values())
    return output, errors
