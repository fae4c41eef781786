"""Compares `parakeet --help` with a Typer program of two commands, in the same environment.

python bench/startup.py [--rounds N] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from measure import in_turn, machine, spread, write_table

TWO_COMMANDS = """
import typer

app = typer.Typer()


@app.command()
def one(number: int = 1) -> None:
    "The first."


@app.command()
def two(text: str = "") -> None:
    "The second."


app()
"""

BASELINE = "a Typer program with two commands, `--help`"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="counted rounds (default 15)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    parakeet = str(Path(sys.executable).with_name("parakeet"))
    commands = {
        BASELINE: [sys.executable, "-c", TWO_COMMANDS, "--help"],
        "parakeet --help": [parakeet, "--help"],
        "parakeet --version": [parakeet, "--version"],
        "parakeet transcribe --help": [parakeet, "transcribe", "--help"],
    }
    runs = in_turn(commands, options.rounds, warmup=2)
    table = (
        f"Machine: {machine()}. Medians of whole processes, in turn.\n\n"
        "| command | seconds | ÷ the first |\n|---|---|---|\n"
        f"| {BASELINE} | {runs[BASELINE].median:.3f} | |\n"
    )
    for name in list(commands)[1:]:
        ratio = spread(runs[name].against(runs[BASELINE]))
        table += f"| `{name}` | {runs[name].median:.3f} | {ratio} |\n"
    print(table)
    if options.write:
        write_table(options.write, "startup", table)


if __name__ == "__main__":
    main()
