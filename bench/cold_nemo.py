"""Compares `parakeet transcribe --engine nemo` with a bare NeMo script, in turns.

    python bench/cold_nemo.py PYTHON MODEL.nemo [--rounds N] [--write docs/benchmarks.md]

PYTHON is the interpreter of an ML stack. It measures a cold start on the CPU: one clip, a new
process each time. Importing NeMo takes nearly all of the time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from measure import in_turn, machine, spread, write_table

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "sense_0880.wav"
ALLOWED = 1.05  # times the bare script's time


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("python", help="the ML stack's interpreter")
    parser.add_argument("model", type=Path, help="a .nemo file")
    parser.add_argument("--clip", type=Path, default=CLIP, help="a 16 kHz mono WAV")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds (default 7)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    ours = [sys.executable, "-m", "parakeet_cli", "transcribe", "--quiet", "--engine", "nemo"]
    ours += ["--device", "cpu", "--python", options.python, "--model", str(options.model)]
    ours += [str(options.clip)]
    bare = str(ROOT / "bench" / "bare_nemo.py")
    theirs = [options.python, bare, str(options.model), str(options.clip)]
    runs = in_turn({"parakeet": ours, "NeMo": theirs}, options.rounds)
    shares = runs["parakeet"].against(runs["NeMo"])
    table = (
        f"Machine: {machine()}. Medians of whole processes, in turn; one clip each, with the\n"
        f"model {options.model.stem}.\n\n"
        "| command | seconds | parakeet ÷ this |\n|---|---|---|\n"
        f"| parakeet transcribe | {runs['parakeet'].median:.2f} | |\n"
        f"| a bare NeMo script | {runs['NeMo'].median:.2f} | {spread(shares)} |\n"
    )
    print(table)
    if options.write:
        write_table(options.write, "nemo", table)
    if statistics.median(shares) > ALLOWED:
        sys.exit(f"The cold start took over {ALLOWED} times the bare script.")


if __name__ == "__main__":
    main()
