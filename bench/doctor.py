"""Compares the doctor's default report with `pip check`, on one environment, in turn.

    python bench/doctor.py PYTHON [--rounds N] [--plan]

PYTHON is the interpreter of a healthy environment to examine: the stack itself. The pip is
the one beside the tool, started as `pip --python` starts it but once, not twice: an old one,
as in a new virtual environment, takes several times as long. Both are warm, bytecode included:
the first rounds aren't counted. nvidia-smi is left out, by a PATH without it. The first report
ever on an environment, with nothing in the cache of scanned files, is timed separately.

With --plan, the plan for an empty environment is timed as well: first with the caches of uv and
pip empty, then as often as the first report with what that left in them. It needs a network.
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
MOST_BY_PIP_CHECK = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("python", help="the interpreter of the environment to examine")
    parser.add_argument("--rounds", type=int, default=15, help="counted rounds (default 15)")
    parser.add_argument("--plan", action="store_true", help="time an empty environment's plan too")
    options = parser.parse_args()
    path = os.environ["PATH"]
    os.environ["PATH"] = str(Path(sys.executable).parent)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
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
    if options.plan:
        cold, *warm = _plans({**os.environ, "PATH": path})
        print(f"| plan for an empty environment, nothing cached | {cold:.1f} |")
        print(f"| the same with warm caches | {spread(warm)} |")
    if statistics.median(ratios) > MOST_BY_PIP_CHECK:
        sys.exit(f"The report took more than {MOST_BY_PIP_CHECK} of pip check's time.")


def _first_report(doctor: list[str]) -> float:
    """Seconds for one report with an empty cache folder."""
    with tempfile.TemporaryDirectory() as folder:
        return _seconds(doctor, {**os.environ, "XDG_CACHE_HOME": folder})


def _plans(environ: dict[str, str]) -> list[float]:
    """Seconds for each plan of the whole stack in a new environment, the first with no cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder, "empty")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        doctor = [sys.executable, "-m", "parakeet_cli", "doctor", "--reinstall", "--dry-run"]
        command = [*doctor, "--torch-index", "default", "--json"]
        command += ["--python", str(environment / "bin" / "python")]
        caches = {name: f"{folder}/{name}" for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR")}
        return [
            _seconds(command, environ | caches | {"XDG_CACHE_HOME": f"{folder}/cache"}, status=1)
            for _ in range(1 + FIRST_REPORTS)
        ]


def _seconds(command: list[str], environ: dict[str, str], *, status: int = 0) -> float:
    """How long a command takes that ends with this exit status."""
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != status:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return time.perf_counter() - started


def _distributions(python: str) -> int:
    sites = (Path(python).parent.parent / "lib").glob("python3*/site-packages/*.dist-info")
    return len(list(sites))


if __name__ == "__main__":
    main()
