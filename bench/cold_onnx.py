"""Compares `parakeet transcribe --engine onnx` with a bare onnx-asr script, in turns.

    python bench/cold_onnx.py MODEL_FOLDER [--rounds N] [--write docs/benchmarks.md]

It measures a cold start: one clip, a new process each time. The folder has a Parakeet in ONNX;
the smaller it is, the larger is our share of the time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from measure import in_turn, machine, spread, write_table

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "sense_0880.wav"
ALLOWED = 0.4  # seconds beyond the bare script


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a folder with a Parakeet in ONNX")
    parser.add_argument("--clip", type=Path, default=CLIP, help="a 16 kHz mono WAV")
    parser.add_argument("--rounds", type=int, default=15, help="counted rounds (default 15)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    kind = json.loads((options.model / "config.json").read_text("utf-8"))["model_type"]
    ours = [str(Path(sys.executable).with_name("parakeet")), "transcribe", "--quiet"]
    ours += ["--engine", "onnx", "--model", str(options.model), str(options.clip)]
    theirs = [sys.executable, str(ROOT / "bench" / "bare_onnx.py"), kind, str(options.model)]
    theirs += [str(options.clip)]
    runs = in_turn({"parakeet": ours, "onnx-asr": theirs}, options.rounds, warmup=2)
    pairs = zip(runs["parakeet"].seconds, runs["onnx-asr"].seconds, strict=True)
    more = [a - b for a, b in pairs]
    table = (
        f"Machine: {machine()}. Medians of whole processes, in turn; one clip each, with the\n"
        f"model {options.model.name}.\n\n"
        "| command | seconds | peak memory, MiB | beyond the bare script, seconds |\n"
        "|---|---|---|---|\n"
        f"| a bare onnx-asr script | {runs['onnx-asr'].median:.2f} "
        f"| {max(runs['onnx-asr'].mebibytes):.0f} | |\n"
        f"| parakeet transcribe | {runs['parakeet'].median:.2f} "
        f"| {max(runs['parakeet'].mebibytes):.0f} | {spread(more)} |\n"
    )
    print(table)
    if options.write:
        write_table(options.write, "onnx", table)
    if statistics.median(more) > ALLOWED:
        sys.exit(f"The cold start took over {ALLOWED} s more than the bare script.")


if __name__ == "__main__":
    main()
