"""Runs whole commands in turn, and measures their wall time and peak memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

SAMPLE_SECONDS = 0.1  # between two readings of the memory, each of which stops the process


@dataclass(slots=True)
class Runs:
    """Every run of one command: wall seconds, and the peak of its processes' memory."""

    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def against(self, other: Runs) -> list[float]:
        """This command's times divided by the other's, pair by pair, so that drift cancels out."""
        return [a / b for a, b in zip(self.seconds, other.seconds, strict=True)]


def in_turn(
    commands: Mapping[str, Sequence[str]], rounds: int, *, warmup: int = 1
) -> dict[str, Runs]:
    """Run each command once a round, in turn; warm-up rounds aren't counted."""
    results = {name: Runs() for name in commands}
    for number in range(-warmup, rounds):
        for name, command in commands.items():
            seconds, memory = _run_once(command)
            if number >= 0:
                results[name].seconds.append(seconds)
                results[name].mebibytes.append(memory)
            print(f"  {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return results


def _run_once(command: Sequence[str]) -> tuple[float, float]:
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    readings = [0.0]
    ended = Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            readings.append(mebibytes(process.pid))

    watcher = Thread(target=sample, daemon=True)
    watcher.start()
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    ended.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)[:200]} ended with {process.returncode}:\n{errors.decode()}")
    # A short command can peak between two readings; the system knows the peak of one process.
    return seconds, max(*readings, usage.ru_maxrss / 1024)


def mebibytes(process: int) -> float:
    """The memory of a process and all its children; pages that several hold count once."""
    return sum(map(_share, tree(process)))


def tree(process: int) -> list[int]:
    """A process and all its children."""
    children: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended since the listing
            children += map(int, thread.read_text().split())
    return [process, *(each for child in children for each in tree(child))]


def _share(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(text.partition("Pss:")[2].split()[0]) / 1024 if "Pss:" in text else 0.0


def spread(values: Sequence[float]) -> str:
    """The median, with the minimum and the maximum."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def machine() -> str:
    """The processor, how many cores this process may use, and the Python."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")  # Linux has the model's name, platform has not
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def write_table(path: Path, name: str, table: str) -> None:
    """Replace the text between the marks `<!-- name -->` and `<!-- /name -->`."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{path} has no place for the table ({begin.strip()} ... {end.strip()}).")
    path.write_text(f"{before}{begin}{table}{end}{after}", encoding="utf-8")
