"""What a child prints says which exception ended it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from parakeet_cli.system.child_errors import (
    ErrorOutput,
    TracebackLines,
    exception_of,
    last_traceback,
)


def printed(code: str) -> str:
    """What a real Python prints to stderr."""
    output = ErrorOutput()
    subprocess.run([sys.executable, "-c", code], stderr=output.file, check=False)
    text = output.read()
    output.close()
    return text


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ("len(3)", "TypeError: object of type 'int' has no len()"),
        ("import no_such", "ModuleNotFoundError: No module named 'no_such'"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
        ("raise KeyError", "KeyError"),
        ("try:\n 1/0\nexcept Exception:\n raise OSError(5, 'gone')", "OSError: [Errno 5] gone"),
        ("print('x' * 200_000); 1/0", "ZeroDivisionError: division by zero"),
        (
            "import sys; sys.stderr.write('x' * 200_000 + '\\n'); 1/0",
            "ZeroDivisionError: division by zero",
        ),
        ("import sys; sys.exit('no')", ""),
        ("", ""),
    ],
)
def test_the_exception_is_one_line(code: str, exception: str) -> None:
    assert exception_of(last_traceback(printed(code))) == exception


def test_of_a_flood_only_the_end_is_read() -> None:
    assert len(printed("import sys; sys.stderr.write('x' * 10_000_000)")) == 1 << 16


@pytest.mark.parametrize(
    "code",
    [
        "len(3)",
        "def f(n): f(n - 1) if n else 1 / 0\nf(5)",
        "try:\n 1/0\nexcept Exception:\n raise OSError(5, 'gone')",
        "try:\n 1/0\nexcept Exception as error:\n raise OSError(5, 'gone') from error",
    ],
)
def test_the_lines_of_a_traceback_are_told_from_the_others(code: str) -> None:
    lines = ["W: a warning", *printed(code).splitlines(), "W: another", "  with more"]
    tracebacks = TracebackLines()
    others = [line for line in lines if not tracebacks.has(line)]
    assert [line for line in others if line] == ["W: a warning", "W: another", "  with more"]
