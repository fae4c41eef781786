from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO

import pytest

from parakeet_cli.system.portable import pipes

READERS: list[Callable[[IO[bytes]], pipes.PipeReader]] = [pipes._SelectReader, pipes._ThreadReader]


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, bufsize=0)


@pytest.mark.parametrize("make", READERS)
def test_all_that_a_child_writes_is_read_in_order(
    make: Callable[[IO[bytes]], pipes.PipeReader],
) -> None:
    size = 9_000_000  # more than is read ahead
    with child(
        f"import sys, random; sys.stdout.buffer.write(random.Random(1).randbytes({size}))"
    ) as (process):
        assert process.stdout is not None
        reader = make(process.stdout)
        data, view = bytearray(), memoryview(bytearray(100_001))
        while count := reader.read_into(view, time.monotonic() + 60):
            data += view[:count]
        assert reader.read_into(view, time.monotonic() + 60) == 0
    assert bytes(data) == random.Random(1).randbytes(size)


@pytest.mark.parametrize("make", READERS)
def test_a_silent_child_is_waited_for_until_the_deadline_alone(
    make: Callable[[IO[bytes]], pipes.PipeReader],
) -> None:
    with child("import time; time.sleep(60)") as process:
        assert process.stdout is not None
        reader = make(process.stdout)
        with pytest.raises(TimeoutError):
            reader.read_into(memoryview(bytearray(1)), time.monotonic() + 0.05)
        process.kill()


def test_a_pipe_is_widened_where_the_system_can() -> None:
    fcntl = pytest.importorskip("fcntl")
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as stream, open(writing, "wb"):
        pipes.widen(stream, 1 << 18)
        if hasattr(fcntl, "F_GETPIPE_SZ"):
            assert fcntl.fcntl(stream, fcntl.F_GETPIPE_SZ) == 1 << 18
