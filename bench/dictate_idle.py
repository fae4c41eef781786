"""Measures the CPU seconds and the memory of a dictation that waits, and of one that hears silence.

The daemon and all its processes are counted, with a microphone of a PulseAudio of its own that is
silent. Shares are of one core. With --cycles the daemon listens and unloads its model again and
again (`--idle-unload 0`), and its memory is measured while the model is not loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.integration.dictate.sound_server import running  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
GOALS = {"idle": 0.001, "silence": 0.03}  # cores
MEMORY_GOAL = 1.1  # times the first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of each measurement")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--engine", default="whisper")
    arguments, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        daemon = Daemon(Path(folder), server.environment, arguments.engine)
        try:
            daemon.run("--sink", f"file:{folder}/text", "start", "--idle", "--idle-unload", "0")
            measure(daemon, arguments.seconds)
            cycle(daemon, arguments.cycles)
        finally:
            daemon.run("stop", "--quit")


class Daemon:
    """The background process, and the commands for it."""

    def __init__(self, home: Path, environment: dict[str, str], engine: str) -> None:
        self._environment = {
            **os.environ,
            **environment,
            "HOME": str(home),
            "PARAKEET_ENGINE": engine,
        }

    def run(self, *arguments: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "parakeet_cli", "dictate", *arguments],
            env=self._environment,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout

    @property
    def state(self) -> dict[str, Any]:
        state = json.loads(self.run("status", "--json"))
        assert isinstance(state, dict)
        return state

    def until_unloaded(self) -> None:
        while self.state["loaded"]:
            time.sleep(0.5)


def measure(daemon: Daemon, seconds: float) -> None:
    daemon.until_unloaded()
    time.sleep(5)
    pid = int(daemon.state["pid"])
    show("idle", share(pid, seconds))
    daemon.run("start")
    time.sleep(15)  # the model is loaded
    show("silence", share(pid, seconds))
    daemon.run("stop")


def cycle(daemon: Daemon, cycles: int) -> None:
    pid = int(daemon.state["pid"])
    sizes = []
    for _ in range(cycles):
        daemon.run("start")
        while not daemon.state["loaded"]:
            time.sleep(0.2)
        daemon.run("stop")
        daemon.until_unloaded()
        sizes.append(resident(pid))
    if sizes:
        grown = sizes[-1] / sizes[0]
        print(f"unloaded, MiB after each of {cycles} cycles: {[round(size) for size in sizes]}")
        print(f"the last is {grown:.2f} times the first; the goal is {MEMORY_GOAL}")


def show(name: str, used: float) -> None:
    print(
        f"{name}: {100 * used:.3f} % of a core; the goal is {100 * GOALS[name]:.1f} %", flush=True
    )


def share(pid: int, seconds: float) -> float:
    """How many cores the process and those below it use."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def cpu_seconds(pid: int) -> float:
    return sum(_ticks(one) for one in _family(pid)) / TICKS


def resident(pid: int) -> float:
    """The MiB of the process and those below it."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += [
            child for child in (task / "children").read_text().split() if child not in children
        ]
    return [pid, *(one for child in children for one in _family(int(child)))]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))  # utime, stime and those of children that have ended


if __name__ == "__main__":
    main()
