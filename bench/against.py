"""Measures the engine `nemo` of this checkout against another checkout's, on a CPU.

    python bench/against.py CHECKOUT STACK_PYTHON MODEL.nemo [CLIP.wav...]
                            [--rounds N] [--write docs/benchmarks.md --name NAME]

CHECKOUT is, for example, a `git worktree` of an older commit; bench/full_size.py makes the model.
The whole commands take turns. Only the processor's time and the peak memory are compared, so that
other work on the machine does not matter much. Each chunk is a batch of its own (`--threads 1`):
in a larger batch, the padding changes the last digits, and random weights then choose other
words. The other checkout runs twice a round, to show how far it differs from itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import machine, spread, write_table

ROOT = Path(__file__).resolve().parent.parent
CLIPS = [ROOT / f"samples/sense_{number}.wav" for number in ("0880", "0930")]


@dataclass(frozen=True, slots=True)
class Run:
    """The processor's seconds (user and system), the peak memory in MiB, and all words."""

    seconds: float
    mebibytes: float
    words: list[tuple[str, float, float]]  # with their start and end
    confidences: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("checkout", type=Path)
    parser.add_argument("python", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("clips", type=Path, nargs="*", default=CLIPS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    parser.add_argument("--name", default="against", help="of the table's place (default against)")
    options = parser.parse_args()
    other, python = options.checkout.resolve(), options.python.absolute()
    arguments = [
        "--engine", "nemo", "--device", "cpu", "--threads", "1", "--python", str(python),
        "--model", str(options.model.resolve()), *(str(clip.resolve()) for clip in options.clips),
    ]  # fmt: skip
    before: list[Run] = []
    again: list[Run] = []
    now: list[Run] = []
    for number in range(options.rounds):
        turns = [(other, before), (ROOT, now), (other, again)]
        for checkout, runs in turns if number % 2 == 0 else reversed(turns):
            runs.append(run(checkout, arguments))
            print(f"  {checkout}: {runs[-1].seconds:.1f} s of CPU", file=sys.stderr, flush=True)
    table = show(before, again, now, stack_of(python))
    print(table)
    if options.write:
        write_table(options.write, options.name, table)


def run(checkout: Path, arguments: list[str]) -> Run:
    """Transcribe with a checkout's code, in this interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "parakeet_cli", "transcribe", "--quiet", "-f", "json"]
        process = subprocess.Popen([*command, "-o", folder, *arguments], cwd=checkout)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{checkout}: the command ended with {process.returncode}.")
        found = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    words = [word for one in found for part in one["segments"] for word in part["words"]]
    seconds = usage.ru_utime + usage.ru_stime
    return Run(
        seconds,
        usage.ru_maxrss / 1024,
        [(word["word"], word["start"], word["end"]) for word in words],
        [word["confidence"] for word in words],
    )


def show(before: list[Run], again: list[Run], now: list[Run], stack: str) -> str:
    rows = []
    for name, runs in (("this checkout", now), ("the other, again", again)):
        pairs = list(zip(runs, before, strict=True))
        equal = sum(one.words == two.words for one, two in pairs)
        cpu = spread([one.seconds / two.seconds for one, two in pairs])
        memory = spread([one.mebibytes / two.mebibytes for one, two in pairs])
        apart = max((difference(one, two) for one, two in pairs), default=0.0)
        rows.append(f"| {name} | {cpu} | {memory} | {equal} of {len(pairs)} | {apart:.3f} |\n")
    return (
        f"Machine: {machine()}; {stack}. {len(before)} rounds of {len(before[0].words)} words.\n\n"
        "| ÷ the other checkout | CPU seconds | peak memory | words and times equal "
        "| confidences apart by at most |\n|---|---|---|---|---|\n" + "".join(rows)
    )


def difference(one: Run, two: Run) -> float:
    """The greatest difference of a word's confidences, as they are printed."""
    pairs = zip(one.confidences, two.confidences, strict=False)
    return max((abs(a - b) for a, b in pairs), default=0.0)


def stack_of(python: Path) -> str:
    """The versions of NeMo and torch, without importing them."""
    code = (
        "from importlib.metadata import version as of;"
        'print(f\'NeMo {of("nemo-toolkit")}, torch {of("torch")}\')'
    )
    return subprocess.check_output([python, "-c", code], text=True).strip()


if __name__ == "__main__":
    main()
