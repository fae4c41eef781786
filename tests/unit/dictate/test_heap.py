from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
from threading import Thread
from parakeet_cli.dictate.heap import give_back_memory, use_one_arena
use_one_arena()

def resident():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

def work():
    held = [bytes(2000) for _ in range(40_000)]
    del held

import gc
sizes = []
for _ in range(5):
    threads = [Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    gc.collect()
    give_back_memory()
    sizes.append(resident())
print(sizes[0], sizes[-1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have another heap")
def test_threads_that_end_leave_no_memory_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    first, last = map(int, done.stdout.split())
    assert last <= 1.1 * first
