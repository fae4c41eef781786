"""Compares the doctor's default report with `pip check`, on one environment, in turn.

    python bench/doctor.py PYTHON [--rounds N]

PYTHON is the interpreter of a healthy environment to examine: the stack itself. The pip is
the one beside the tool, started as `pip --python` starts it but once, not twice: an old one,
as in a new virtual environment, takes several times as long. Both are warm: the first rounds
aren't counted. nvidia-smi is left out, by a PATH without it. The first report ever on an
environment, with nothing in the cache of scanned files, is timed separately.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from measure import in_turn, machine, spread

FIRST_REPORTS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("python", help="the interpreter of the environment to examine")
    parser.add_argument("--rounds", type=int, default=15, help="counted rounds (default 15)")
    options = parser.parse_args()
    os.environ["PATH"] = str(Path(sys.executable).parent)
    doctor = [sys.executable, "-m", "parakeet_cli", "doctor", "--python", options.python]
    runner = Path(import_module("pip").__path__[0]) / "__pip-runner__.py"
    check = [options.python, str(runner), "check"]
    runs = in_turn({"parakeet doctor": doctor, "pip check": check}, options.rounds, warmup=2)
    ratios = runs["parakeet doctor"].against(runs["pip check"])
    print(machine())
    print(f"{_distributions(options.python)} distributions in {options.python}")
    print("| | seconds: median (least to most) |\n| --- | --- |")
    for name, run in runs.items():
        print(f"| {name} | {spread(run.seconds)} |")
    print(f"| doctor by pip check, pair by pair | {spread(ratios)} |")
    first = [_first_report(doctor) for _ in range(FIRST_REPORTS)]
    print(f"| first report, nothing cached | {spread(first)} |")
    if statistics.median(ratios) > 1:
        sys.exit("The report took longer than pip check.")


def _first_report(doctor: list[str]) -> float:
    """Seconds for one report with an empty cache folder."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(
            doctor,
            env={**os.environ, "XDG_CACHE_HOME": folder},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - started


def _distributions(python: str) -> int:
    sites = (Path(python).parent.parent / "lib").glob("python3*/site-packages/*.dist-info")
    return len(list(sites))


if __name__ == "__main__":
    main()
