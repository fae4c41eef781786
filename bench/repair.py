"""Compares the repair of an empty environment with `uv pip install` of the same list, in turn.

    python bench/repair.py [--stack NAME] [--rounds N] [--torch-index default] [FOLDER]

`parakeet doctor --fix` plans, unpacks, compares, takes a snapshot, moves and proves by
importing every stage; `uv pip install` of the very versions that the plan names installs alone,
once as it is and once with --compile-bytecode. All take from the same warm caches, that of uv and
that of pip, and a first round, which isn't counted, fills them. Each run has a new environment in
FOLDER (default: a temporary one), which is removed after it. The phases of the repair are timed
by what it says on stderr. It needs 5 GB, and a network where the caches lack something.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import machine, spread

from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.repair.pip import find_pip
from parakeet_cli.doctor.repair.uv.configuration import UvSettings, for_uv, read_configuration
from parakeet_cli.doctor.repair.uv.solve import find_uv

# What the repair says when a phase begins, and what the phase is; installing has many headings.
PHASES = {
    "Running all checks": "checks before",
    "Finding out": "plan",
    "Fetching": "unpacking",
    "Taking a snapshot": "snapshot",
    "Verifying": "proof",
}
INSTALLING = "installation"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="where environments are made")
    parser.add_argument("--stack", default="2.4", help="2.4 (default) or 3.0")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default 3)")
    parser.add_argument("--torch-index", default="default", help="as for parakeet doctor")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _compare(options, Path(folder))


def _compare(options: argparse.Namespace, folder: Path) -> None:
    whole: list[float] = []
    plain: list[float] = []
    compiled: list[float] = []
    phases: dict[str, list[float]] = {}
    for number in range(-1, options.rounds):
        seconds, pins, took = _repair(options, folder / "repaired")
        bare = _uv(folder / "uv", pins)
        with_bytecode = _uv(folder / "uv", pins, "--compile-bytecode")
        print(f"  {seconds:.1f} s, {bare:.1f} s, {with_bytecode:.1f} s", file=sys.stderr)
        if number < 0:
            continue
        whole.append(seconds)
        plain.append(bare)
        compiled.append(with_bytecode)
        for phase, part in took.items():
            phases.setdefault(phase, []).append(part)
    print(machine())
    print(f"{len(pins)} packages of stack {options.stack}")
    print("| | seconds: median (least to most) |\n| --- | --- |")
    print(f"| parakeet doctor --fix | {spread(whole)} |")
    for phase, parts in phases.items():
        print(f"| of that: {phase} | {spread(parts)} |")
    print(f"| uv pip install | {spread(plain)} |")
    print(f"| uv pip install --compile-bytecode | {spread(compiled)} |")
    for name, others in (("uv pip install", plain), ("with --compile-bytecode", compiled)):
        ratios = [one / other for one, other in zip(whole, others, strict=True)]
        print(f"| repair by {name}, pair by pair | {spread(ratios)} |")
    proof = [part / one for part, one in zip(phases["proof"], whole, strict=True)]
    print(f"The proof is {statistics.median(proof):.0%} of the repair.")


def _new_environment(prefix: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    return str(prefix / "bin" / "python")


def _repair(options: argparse.Namespace, prefix: Path) -> tuple[float, list[str], dict[str, float]]:
    """Seconds for the whole repair, what it installed, and the seconds of each phase."""
    python = _new_environment(prefix)
    command = [sys.executable, "-m", "parakeet_cli", "doctor", "--fix", "--yes", "--json"]
    command += ["--stack", options.stack, "--torch-index", options.torch_index, "--python", python]
    phases: dict[str, float] = {}
    phase, began = "start", time.perf_counter()
    started = began
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            following = _phase(line) or phase
            if following != phase:
                now = time.perf_counter()
                phases[phase] = phases.get(phase, 0.0) + now - began
                phase, began = following, now
        status = process.wait()
        ended = time.perf_counter()
        phases[phase] = phases.get(phase, 0.0) + ended - began
        out.seek(0)
        text = out.read()
    if status not in (0, 1):  # 1: what no package can change, such as a full disk
        sys.exit(f"The repair ended with {status}:\n{text}")
    steps = json.loads(text)["plan"]
    pins = [f"{one['name']}=={one['to']}" for step in steps for one in step["changes"]]
    shutil.rmtree(prefix)
    return ended - started, pins, phases


def _phase(line: str) -> str | None:
    """The phase that a line of the repair's begins."""
    for words, phase in PHASES.items():
        if line.startswith(words):
            return phase
    return INSTALLING if line[:1].isdigit() else None


def _uv(prefix: Path, pins: list[str], *flags: str) -> float:
    """Seconds for `uv pip install` of the list, from where pip is configured to look."""
    python = _new_environment(prefix)
    facts = gather_facts(python)
    settings: UvSettings = for_uv(read_configuration(find_pip(facts)), os.environ)
    requirements = prefix / "requirements.txt"
    requirements.write_text("".join(f"{line}\n" for line in (*settings.lines, *pins)))
    command = [find_uv(facts).executable, "--no-config", "pip", "install", "--no-deps"]
    command += ["--index-strategy", "unsafe-best-match", *settings.flags, *flags]
    command += ["--python", python, "-r", str(requirements)]
    started = time.perf_counter()
    subprocess.run(
        command, env={**os.environ, **settings.variables}, stderr=subprocess.DEVNULL, check=True
    )
    seconds = time.perf_counter() - started
    shutil.rmtree(prefix)
    return seconds


if __name__ == "__main__":
    main()
